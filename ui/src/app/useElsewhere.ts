//! Has the list of workspaces looked at again, now and then, while somebody edits.
import { useEffect } from "react";
import { throttled } from "../doc/throttle";
import { useEngine } from "../panels/engine";

/** Counts and times in a list need not be newer. */
const EVERY_MS = 2_000;

export function useElsewhere(reload: () => void) {
  const engine = useEngine();
  useEffect(() => {
    const look = throttled(EVERY_MS, reload);
    const stop = engine.listen((event) => event.event === "pipeline_updated" && look());
    return () => {
      stop();
      look.cancel();
    };
  }, [engine, reload]);
}
