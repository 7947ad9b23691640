//! The engine as the views use it, over any backend: calls, events, and documents that stay the same to their holder while sessions change beneath.
import type * as Y from "yjs";
import { type Answer, type Backend, BackendError, type EngineEvent, type Method, type Nothing, type Params } from "../backend/types";
import type { AwarenessLike } from "../graph/model/PresenceStore";
import { OmniScopeProvider } from "./provider";

export interface OpenDocument {
  doc: Y.Doc;
  awareness: AwarenessLike;
  writable: boolean;
  undo?: Y.UndoManager;
  close: () => void;
}

/** Besides the engine's own events: `window_saved {workspace, waiting}` when the number of own edits that are not durable changes, and `edit_refused {workspace, code, message, content}`. */
export interface Engine {
  /** Fails with a `BackendError`. */
  call: <M extends Method>(method: M, ...params: Nothing extends Params<M> ? [params?: Params<M>] : [params: Params<M>]) => Promise<Answer<M>>;
  saveFile: (name: string, content: Uint8Array) => Promise<string>;
  listen: (listener: (event: EngineEvent) => void) => () => void;
  /** Opens a workspace's document. `replaced` is called when the engine starts a new session for it: the caller takes the new one. */
  open: (workspace: string, replaced: (next: OpenDocument, reason: string) => void) => Promise<OpenDocument>;
}

export function engineOver(backend: Backend): Engine {
  const listeners = new Set<(event: EngineEvent) => void>();
  const tell = (event: EngineEvent) => {
    for (const listener of [...listeners]) listener(event);
  };
  backend.subscribeEvents(tell);
  return {
    call: <M extends Method>(method: M, params: Params<M> | Nothing = {}) =>
      backend.call(method, params as Record<string, unknown>).then(
        (value) => value as Answer<M>,
        (error: unknown) => Promise.reject(BackendError.from(error)),
      ),
    saveFile: (name, content) => backend.saveFile(name, content),
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open: (workspace, replaced) => open(backend, workspace, replaced, tell),
  };
}

function open(backend: Backend, workspace: string, replaced: (next: OpenDocument, reason: string) => void, tell: (event: EngineEvent) => void): Promise<OpenDocument> {
  const provider = new OmniScopeProvider(backend, workspace, { connect: false });
  const view = (): OpenDocument => ({ doc: provider.doc, awareness: provider.awareness as unknown as AwarenessLike, writable: provider.writable, close: () => provider.destroy() });
  provider.on("saved", ({ waiting }) => tell({ event: "window_saved", workspace, waiting }));
  provider.on("reset", ({ reason }) => replaced(view(), reason));
  provider.on("refused", ({ code, message, content }) => {
    tell({ event: "notice", workspace, code, message });
    tell({ event: "edit_refused", workspace, code, message, content });
  });
  return new Promise((resolve, reject) => {
    let opened = false;
    provider.on("synced", (synced) => {
      if (!synced || opened) return;
      opened = true;
      resolve(view());
    });
    provider.on("failed", (error) => {
      if (opened) tell({ event: "notice", workspace, code: error.code, message: error.message });
      else reject(error);
    });
    provider.connect();
  });
}
