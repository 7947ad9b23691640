//! Collaboration on one workspace, for any editor: opens its document, keeps it in step, says who is there, sends pointer and selection.
//! As in the system this project re-makes, but userId and userName come from the profile of this device, and there is no token: signatures took its place.
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { Presence } from "../graph/model/PresenceStore";
import { closeSession, openSession, type Session } from "../graph/model/session";
import { messageOf, type OpenDocument, useEngine } from "../panels/engine";

export interface Collaboration {
  status: "closed" | "opening" | "open" | "failed";
  problem: string | null;
  /** Document, awareness, undo and permission; null until open. It becomes another object when the engine starts a new session. */
  session: Session | null;
  /** Everybody else who is present. Another array only when who is here, their name, colour or status changes; for pointers see `useOthers`. */
  users: readonly Presence[];
  moveCursor: (x: number, y: number) => void;
  leaveCursor: () => void;
  changeSelection: (ids: readonly string[]) => void;
  /** Asks the peers for what is missing here, now. */
  syncNow: () => Promise<void>;
}

const NOBODY: Presence[] = [];
const never = () => () => undefined;

/** Opens `workspace`, or nothing for null. `onReplaced` hears the reason when a new session took the place of the old one. */
export function useCollaboration(workspace: string | null, onReplaced?: (reason: string) => void): Collaboration {
  const engine = useEngine();
  const [session, setSession] = useState<Session | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    setSession(null);
    setProblem(null);
    if (!workspace) return;
    let live = true;
    let document: OpenDocument | null = null;
    let current: Session | null = null;
    const take = (next: OpenDocument) => {
      if (!live) return next.close();
      if (current) closeSession(current);
      document = next;
      current = openSession(workspace, next.doc, next.awareness, next.writable, next.undo);
      setSession(current);
      return undefined;
    };
    engine.open(workspace, (next, reason) => {
      take(next);
      if (live && reason) onReplaced?.(reason);
    }).then(take, (error: unknown) => live && setProblem(messageOf(error)));
    return () => {
      live = false;
      if (current) closeSession(current);
      document?.close();
    };
  }, [engine, workspace, onReplaced]);

  const presence = session?.presence;
  const users = useSyncExternalStore(presence?.subscribeMarks ?? never, presence?.roster ?? (() => NOBODY));
  const moveCursor = useCallback((x: number, y: number) => presence?.publish("pointer", { x, y }), [presence]);
  const leaveCursor = useCallback(() => presence?.publish("pointer", null), [presence]);
  const changeSelection = useCallback((ids: readonly string[]) => presence?.publish("selection", [...ids]), [presence]);
  const syncNow = useCallback(async () => {
    if (workspace) await engine.call("sync.request", { workspace });
  }, [engine, workspace]);
  const status = problem ? "failed" : session ? "open" : workspace ? "opening" : "closed";
  return useMemo(() => ({ status, problem, session, users, moveCursor, leaveCursor, changeSelection, syncNow }), [status, problem, session, users, moveCursor, leaveCursor, changeSelection, syncNow]);
}
