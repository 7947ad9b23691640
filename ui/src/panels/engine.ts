//! What the panels ask of the machinery behind the window, as types and a context. Deliberately absent: Tauri, channels, sync; see src/backend and src/doc.
import { createContext, useCallback, useContext, useEffect, useState } from "react";
import type { Answer, EngineEvent, Method, Params } from "../backend/types";
import type { Engine } from "../doc/engine";

export type * from "../backend/types";
export type { Engine, OpenDocument } from "../doc/engine";

export const EngineContext = createContext<Engine | null>(null);

export function useEngine(): Engine {
  const engine = useContext(EngineContext);
  if (!engine) throw new Error("this view needs the engine around it");
  return engine;
}

/** The words of a failure, whoever threw it. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" && message ? message : String(error);
}

export interface Query<T> { data: T | null; error: string | null; reload: () => void }

/** Asks once, and again whenever one of the named events arrives. `params` null asks nothing. */
export function useQuery<M extends Method>(method: M, params: Params<M> | null, events: readonly EngineEvent["event"][] = []): Query<Answer<M>> {
  const engine = useEngine();
  const [state, setState] = useState<{ data: Answer<M> | null; error: string | null }>({ data: null, error: null });
  const key = params === null ? null : JSON.stringify(params);
  const names = events.join(" ");
  const reload = useCallback(() => {
    if (key === null) return;
    engine.call(method, JSON.parse(key) as Record<string, unknown>).then(
      (data) => setState({ data, error: null }),
      (error: unknown) => setState((old) => ({ data: old.data, error: messageOf(error) })),
    );
  }, [engine, method, key]);
  useEffect(() => {
    reload();
    const wanted = new Set(names.split(" "));
    return engine.listen((event) => wanted.has(event.event) && reload());
  }, [reload, engine, names]);
  return { ...state, reload };
}
