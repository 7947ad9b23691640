//! A viewer's request for edit rights. It travels as presence: seen while both are there, stored nowhere, gone once it is granted.
import { useCallback, useEffect, useState } from "react";
import type { Session } from "../graph/model/session";

export function useAsking(session: Session | null): { asking: boolean; ask: (asking: boolean) => void } {
  const [asked, setAsked] = useState<string | null>(null);
  const workspace = session?.workspace ?? null;
  const asking = asked !== null && asked === workspace && !session?.writable;
  useEffect(() => session?.presence.publish("asks", asking ? "editor" : null), [session, asking]);
  useEffect(() => {
    if (session?.writable) setAsked(null);
  }, [session]);
  const ask = useCallback((next: boolean) => setAsked(next ? workspace : null), [workspace]);
  return { asking, ask };
}
