//! Which workspace is open, kept between starts, and whether it can be.
//! A change between viewer and editor, the end of a history that came in, and a close, open it anew, because the right to write belongs to the session.
import { useCallback, useEffect, useRef, useState } from "react";
import { toast } from "sonner";
import { type Collaboration, useCollaboration } from "../hooks/useCollaboration";
import type { Summary } from "../panels/engine";
import { text } from "../text";

const KEY = "omniscope.workspace";
const say = (reason: string) => void toast(text.toasts.replaced, { description: reason });

export interface OpenWorkspace { active: string | null; open: (workspace: string | null) => void; collaboration: Collaboration; problem: string | null }

export function useOpenWorkspace(workspaces: readonly Summary[] | null): OpenWorkspace {
  const [active, setActive] = useState<string | null>(() => localStorage.getItem(KEY));
  const summary = workspaces?.find((one) => one.workspace === active) ?? null;
  const shut = summary && (summary.status === "pending" || summary.status === "removed") ? text.workspaces[summary.status] : null;
  const role = summary?.role === "viewer" || summary?.status === "closed" || summary?.status === "arriving" ? "reader" : "writer";
  const wanted = summary && !shut ? summary.workspace : null;
  // For one render after such a change nothing is wanted: the old session closes, the next one opens.
  const [openedAs, setOpenedAs] = useState(role);
  useEffect(() => setOpenedAs(role), [role]);
  const collaboration = useCollaboration(openedAs === role ? wanted : null, say);
  const open = useCallback((workspace: string | null) => {
    if (workspace) localStorage.setItem(KEY, workspace);
    else localStorage.removeItem(KEY);
    setActive(workspace);
  }, []);
  // At the start one is open: the one that was, else the one that was worked on last.
  const started = useRef(false);
  useEffect(() => {
    if (started.current || !workspaces) return;
    started.current = true;
    const last = latest(workspaces);
    if (last && !workspaces.some((one) => one.workspace === active)) open(last);
  }, [workspaces, active, open]);
  return { active, open, collaboration, problem: shut ?? collaboration.problem };
}

function latest(workspaces: readonly Summary[]): string | null {
  const members = workspaces.filter((one) => one.status === "member");
  return members.reduce<Summary | null>((best, one) => (!best || (one.updated ?? "") > (best.updated ?? "") ? one : best), null)?.workspace ?? null;
}
