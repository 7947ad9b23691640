//! The container that makes the editor inside it collaborative: gives it the open session, reports state changes, tracks the pointer when asked.
//! Deliberately absent: any look of its own, and tokens or e-mail addresses; who one is comes from this device's key and profile.
import { type MouseEvent, type ReactNode, useEffect, useMemo, useRef } from "react";
import { throttled } from "../doc/throttle";
import { SessionContext } from "../graph/model/session";
import type { Collaboration } from "../hooks/useCollaboration";

/** The pointer goes out at most 25 times a second. */
const POINTER_MS = 40;

interface CollaborativeEditorProps {
  collaboration: Collaboration;
  /** Hears every change of the document, own or foreign, as a Yjs v1 update. */
  onStateChange?: (update: Uint8Array, own: boolean) => void;
  /** Publishes the pointer relative to this container. Editors with coordinates of their own, such as the canvas, publish it themselves. */
  trackPointer?: boolean;
  children: ReactNode;
}

export function CollaborativeEditor({ collaboration, onStateChange, trackPointer = false, children }: CollaborativeEditorProps) {
  const { session, moveCursor, leaveCursor } = collaboration;
  const listener = useRef(onStateChange);
  listener.current = onStateChange;
  const report = useMemo(() => throttled(POINTER_MS, moveCursor), [moveCursor]);
  useEffect(() => {
    if (!session) return;
    const hear = (update: Uint8Array, _: unknown, __: unknown, transaction: { local: boolean }) => listener.current?.(update, transaction.local);
    session.doc.on("update", hear);
    return () => session.doc.off("update", hear);
  }, [session]);
  const move = (event: MouseEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    report(Math.round(event.clientX - box.left), Math.round(event.clientY - box.top));
  };
  const leave = () => {
    report.cancel();
    leaveCursor();
  };
  return (
    <SessionContext.Provider value={session}>
      {trackPointer ? <div className="grow" onMouseMove={move} onMouseLeave={leave}>{children}</div> : children}
    </SessionContext.Provider>
  );
}
