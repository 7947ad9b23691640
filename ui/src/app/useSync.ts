//! The last facts the engine reported about saving, sending and peers of the open workspace.
import { useEffect, useMemo, useState } from "react";
import { type SyncState, useEngine } from "../panels/engine";

export function useSync(workspace: string | null): SyncState | null {
  const engine = useEngine();
  const [state, setState] = useState<SyncState | null>(null);
  // Edits that this window handed over and the engine has not yet called durable.
  const [waiting, setWaiting] = useState(0);
  useEffect(() => {
    setState(null);
    setWaiting(0);
    if (!workspace) return;
    let heard = false;
    const stop = engine.listen((event) => {
      if (event.event === "window_saved" && event.workspace === workspace) setWaiting(event.waiting);
      if (event.event !== "sync_state" || event.workspace !== workspace) return;
      heard = true;
      setState({ saved: event.saved, unsent: event.unsent, peers: event.peers, online: event.online });
    });
    engine.call("workspace.sync", { workspace }).then(
      (answer) => !heard && setState({ saved: true, unsent: 0, online: true, peers: answer.peers ?? [] }),
      () => undefined,
    );
    return stop;
  }, [engine, workspace]);
  return useMemo(() => (waiting === 0 ? state : { unsent: 0, peers: [], online: true, ...state, saved: false }), [state, waiting]);
}
