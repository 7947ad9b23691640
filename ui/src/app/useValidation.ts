//! Asks the engine for its findings a moment after the document stopped changing.
import { useEffect } from "react";
import { useFindings } from "../graph/model/findings";
import type { Session } from "../graph/model/session";
import { useEngine } from "../panels/engine";

const QUIET_MS = 600;

export function useValidation(session: Session | null) {
  const engine = useEngine();
  useEffect(() => {
    useFindings.getState().set([]);
    if (!session) return;
    let timer: ReturnType<typeof setTimeout>;
    const ask = () => {
      engine.call("pipeline.validate", { workspace: session.workspace }).then(
        ({ findings }) => useFindings.getState().set(findings),
        // A validation that fails says nothing about the pipeline: the last findings stand.
        () => undefined,
      );
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, QUIET_MS);
    };
    later();
    const stop = session.graph.subscribe(later);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [engine, session]);
}
