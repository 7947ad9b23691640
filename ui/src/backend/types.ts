//! What the window asks of the machine behind it, as types: verbs, their answers, one document's channel. Deliberately absent: how it is asked
//! (tauri.ts, memory.ts) and everything of Yjs (src/doc).

import type { Approved, Compacted, Comparison, Declined, Details, DeviceOffer, Devices, Event, Exported, Findings, History, Imported, Inspected, Invites, JoinRequests, Joining, KeyFacts, Made, MadeLink, Members, NamedVersion, NetworkStatus, Opened, Peer, Profile, RecoveryKey, RelayRemoved, RelayTest, Restored, Role, Sample, Storage, SyncReport, Versions, WindowEvent, WorkspaceRelays, Workspaces } from "./generated";

export type * from "./generated";
export interface SyncState { saved: boolean; unsent: number; peers: Peer[]; online: boolean }
/** What the page tells itself besides: how many own edits are not durable yet, and an edit that the engine did not take. */
export type PageEvent = { event: "window_saved"; workspace: string; waiting: number } | { event: "edit_refused"; workspace: string; code: string; message: string; content: unknown };
export type EngineEvent = Event | WindowEvent | PageEvent;

interface In { workspace: string }
export type Nothing = Record<string, never>;

/** The verbs the window uses: parameters and answer of each, as docs/api.md has them. No other is called. */
export interface Methods {
  "profile.show": [Nothing, Profile];
  "profile.set": [{ name?: string; color?: string }, Profile];
  "workspace.create": [{ name: string; description?: string }, Made];
  "workspace.list": [Nothing, Workspaces];
  "workspace.show": [In, Details];
  "workspace.update": [In & { name?: string; description?: string }, unknown];
  "workspace.rename": [In & { name: string }, unknown];
  "workspace.delete": [In & { confirm: string }, unknown];
  "workspace.leave": [In, unknown];
  "workspace.members": [In, Members];
  "member.role": [In & { member: string; role: Role }, unknown];
  "member.remove": [In & { member: string }, unknown];
  "member.transfer": [In & { member: string }, unknown];
  "workspace.close": [In & { confirm: string }, unknown];
  "workspace.rotate": [In, unknown];
  "recovery.create": [In, RecoveryKey];
  "recovery.use": [{ recovery: string; wait_ms?: number }, Joining];
  "device.add": [In, DeviceOffer];
  "device.accept": [{ link: string; wait_ms?: number }, Joining];
  "device.list": [In, Devices];
  "device.remove": [In & { device: string }, unknown];
  "invite.requests": [In, JoinRequests];
  "invite.approve": [In & { device: string }, Approved];
  "invite.decline": [In & { device: string }, Declined];
  "relay.add": [In & { addr: string; token?: string }, WorkspaceRelays];
  "relay.list": [In, WorkspaceRelays];
  "relay.remove": [In & { addr: string }, RelayRemoved];
  "relay.test": [{ address: string; token?: string }, RelayTest];
  "workspace.sync": [In & { wait_ms?: number }, SyncReport];
  "version.create": [In & { name: string }, NamedVersion];
  "version.rename": [In & { version: string; name: string }, NamedVersion];
  "version.list": [In, Versions];
  "version.restore": [In & { version: string }, Restored];
  "history.list": [In & { limit?: number; node?: string }, History];
  "history.diff": [In & { from: number; to?: number }, Comparison];
  "history.restore": [In & { at: number }, Restored];
  "invite.create": [In & { role: Role; uses?: number; expires?: string; relay?: string[]; for?: string; approve?: true }, MadeLink];
  "invite.list": [In, Invites];
  "invite.inspect": [{ link: string }, Inspected];
  "invite.revoke": [In & { invite: string }, unknown];
  join: [{ link: string; wait_ms?: number }, Joining];
  "pipeline.import": [In & { content: string; filename?: string }, Imported];
  "pipeline.export": [In & { format: "json" | "ga"; mine?: boolean }, Exported];
  "pipeline.validate": [In, Findings];
  "sync.request": [In, unknown];
  "network.set": [{ online?: boolean; relay_only?: boolean }, NetworkStatus];
  "network.status": [Nothing, NetworkStatus];
  "storage.show": [Nothing, Storage];
  "storage.compact": [Nothing, Compacted];
  "window.key": [Nothing, KeyFacts];
  "window.link": [Nothing, string | null];
  "window.sample": [Nothing, Sample];
  "window.retry": [Nothing, null];
  "window.unlock": [{ passphrase: string }, null];
}

export type Method = keyof Methods;
export type Params<M extends Method> = Methods[M][0];
export type Answer<M extends Method> = Methods[M][1];

/** One window's way to the engine. Calls fail with a `BackendError`. */
export interface Backend {
  call(method: string, params: Record<string, unknown>): Promise<unknown>;
  /** Hears every engine event until the returned function is called. */
  subscribeEvents(listener: (event: EngineEvent) => void): () => void;
  /** Opens a document; its messages (see frames.ts) may arrive before the promise resolves. */
  openDocument(workspace: string, listener: (message: Uint8Array) => void): Promise<Opened>;
  /** Hands over one v1 update; resolves with how many this document has pushed. The caller keeps one in flight: order is its own care. */
  pushUpdate(document: number, update: Uint8Array): Promise<number>;
  setAwareness(document: number, state: Record<string, unknown> | null): Promise<void>;
  closeDocument(document: number): Promise<void>;
  /** Puts a file into the folder of downloads under this name, or one like it; gives its path. */
  saveFile(name: string, content: Uint8Array): Promise<string>;
}

/** A refusal of the engine: a stable code to branch on and a sentence for people. */
export class BackendError extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
    this.name = "BackendError";
  }

  /** Reads whatever was thrown. Unknown shapes keep their words under the code `unknown`. */
  static from(thrown: unknown): BackendError {
    if (thrown instanceof BackendError) return thrown;
    const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
    return new BackendError(typeof code === "string" ? code : "unknown", typeof message === "string" && message ? message : String(thrown));
  }
}
