//! The backend over the Tauri commands of src-tauri. The only file that imports @tauri-apps, and it does nothing but translate.
import { Channel, invoke } from "@tauri-apps/api/core";
import { type Backend, BackendError, type EngineEvent, type Opened } from "./types";

/** Every refusal of a command arrives as a `BackendError`. */
const ask = <T>(command: string, body: Record<string, unknown> | Uint8Array): Promise<T> =>
  invoke<T>(command, body).catch((thrown: unknown) => Promise.reject(BackendError.from(thrown)));

export function tauriBackend(): Backend {
  const listeners = new Set<(event: EngineEvent) => void>();
  const channel = new Channel<EngineEvent | string>();
  channel.onmessage = (message) => {
    const event = typeof message === "string" ? (JSON.parse(message) as EngineEvent) : message;
    for (const listener of [...listeners]) listener(event);
  };
  // Without events the window still works on what it asks for itself.
  ask("events", { channel }).catch((error: unknown) => console.error("engine events cannot be heard", error));
  return {
    call: (method, params) => ask("call", { method, params }),
    subscribeEvents: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    openDocument: (workspace, listener) => {
      const messages = new Channel<ArrayBuffer | number[]>();
      messages.onmessage = (message) => listener(message instanceof ArrayBuffer ? new Uint8Array(message) : Uint8Array.from(message));
      return ask<Opened>("document_open", { workspace, channel: messages });
    },
    pushUpdate: async (document, update) => {
      const body = new Uint8Array(4 + update.length);
      new DataView(body.buffer).setUint32(0, document, true);
      body.set(update, 4);
      return Number(await ask("document_push", body));
    },
    setAwareness: (handle, state) => ask("document_awareness", { handle, state }),
    saveFile: (name, content) => {
      const called = new TextEncoder().encode(name);
      const body = new Uint8Array(2 + called.length + content.length);
      new DataView(body.buffer).setUint16(0, called.length, true);
      body.set(called, 2);
      body.set(content, 2 + called.length);
      return ask<string>("save", body);
    },
    closeDocument: (handle) => ask("document_close", { handle }),
  };
}
