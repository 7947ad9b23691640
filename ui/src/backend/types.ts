//! What the window asks of the machine behind it, as types: verbs, their answers, one document's channel. Deliberately absent: how it is asked
//! (tauri.ts, memory.ts) and everything of Yjs (src/doc).

import type { Diff, Event, FieldChange, Finding, KeyFacts, Opened, Peer, Person, Sample, Summary, WindowEvent } from "./generated";

export type { Diff, FieldChange, Finding, KeyFacts, Opened, Peer, Person, Summary } from "./generated";
export type Role = "owner" | "editor" | "viewer";
/** The name is empty until the person has said what they are called. */
export interface Profile extends Person { color: string; fingerprint: string }
export interface Details extends Summary { statistics: { members: number; online: number; idle: number; away: number; edits_today: number }; heads: string[]; ops: number }
export interface Member extends Person { color: string; role: Role; joined?: string; last_seen?: string; you: boolean; status?: string; devices?: string[]; recovery?: boolean }
/** One of this person's devices; `first` is the one that gives up the person's role. */
export interface Device extends Person { color: string; first: boolean; you: boolean }
/** Somebody who holds a link that lets nobody in by itself. The name is what they say. */
export interface JoinRequest { invite: string; device: string; name: string | null; role: Role; at: string }
export interface Invite { invite: string; role: Role; uses: number | null; used: number; expires: string; state: string; approve?: boolean }
/** What a link promises; what its kind does not say is null. */
export interface Inspected { kind: "invitation" | "device" | "recovery"; workspace: string; name: string; role: Role | null; inviter: Person | null; expires: string | null; uses: number | null; approve?: boolean; fingerprint?: string; problem?: { code: string; message: string } | null }
export interface Version { version: string; name: string; author: Person; created?: string }
/** One line of the history: places in the log, who was in it, and when, by their clocks. */
export interface HistoryEntry { from: number; to: number; kind: string; authors: (Person & { color: string; edits: number })[]; first?: string; last?: string; details?: { name?: string; version?: string; role?: string; subject?: Person; inviter?: Person | null; did?: "added" | "removed" | "changed"; fields?: FieldChange[] } | null }
/** Whose hands were in a difference; `touched` names things as `root/id`. */
export interface DiffAuthor extends Person { color: string; touched: string[] }
export interface DiffAnswer { changes: number; diff: Diff; authors: DiffAuthor[] }
export interface SyncState { saved: boolean; unsent: number; peers: Peer[]; online: boolean }
/** A relay that this device uses; `problem` is why it was lost or refused last. */
export interface UsedRelay { addr: string; state: "up" | "down" | string; latency_ms?: number | null; problem?: string | null }
export interface NetworkStatus { online: boolean; relay_only?: boolean; relays?: UsedRelay[] }
/** A relay of one workspace; `code` is a refusal, `behind` counts the ops that it lacks. */
export interface WorkspaceRelay { addr: string; state: "kept" | "up" | "refused" | "down" | string; code: string | null; behind: number | null }
export interface RelayTest { reached: boolean; latency_ms: number | null; peer: string | null; problem: { code: string; message: string } | null }
/** What the database of this device takes, in bytes. */
export interface Storage { folder: string | null; bytes: number; free: number; workspaces: { workspace: string; name: string; ops: number; bytes: number }[] }
/** What the page tells itself besides: how many own edits are not durable yet, and an edit that the engine did not take. */
export type PageEvent = { event: "window_saved"; workspace: string; waiting: number } | { event: "edit_refused"; workspace: string; code: string; message: string; content: unknown };
export type EngineEvent = Event | WindowEvent | PageEvent;

interface In { workspace: string }
export type Nothing = Record<string, never>;

/** The verbs the window uses: parameters and answer of each, as docs/api.md has them. No other is called. */
export interface Methods {
  "profile.show": [Nothing, Profile];
  "profile.set": [{ name?: string; color?: string }, Profile];
  "workspace.create": [{ name: string; description?: string }, { workspace: string; name: string }];
  "workspace.list": [Nothing, { workspaces: Summary[] }];
  "workspace.show": [In, Details];
  "workspace.update": [In & { name?: string; description?: string }, unknown];
  "workspace.rename": [In & { name: string }, unknown];
  "workspace.delete": [In & { confirm: string }, unknown];
  "workspace.leave": [In, unknown];
  "workspace.members": [In, { members: Member[] }];
  "member.role": [In & { member: string; role: Role }, unknown];
  "member.remove": [In & { member: string }, unknown];
  "member.transfer": [In & { member: string }, unknown];
  "workspace.close": [In & { confirm: string }, unknown];
  "workspace.rotate": [In, unknown];
  "recovery.create": [In, { recovery: string; device: string }];
  "recovery.use": [{ recovery: string; wait_ms?: number }, { workspace: string; role: Role; status: "member" | "pending" }];
  "device.add": [In, { link: string; expires: string }];
  "device.accept": [{ link: string; wait_ms?: number }, { workspace: string; role?: Role; status: "member" | "pending" }];
  "device.list": [In, { person: string; devices: Device[] }];
  "device.remove": [In & { device: string }, { removed: string }];
  "invite.requests": [In, { requests: JoinRequest[] }];
  "invite.approve": [In & { device: string }, { device: string; role: Role }];
  "invite.decline": [In & { device: string }, { device: string }];
  "relay.add": [In & { addr: string; token?: string }, { relays: WorkspaceRelay[] }];
  "relay.list": [In, { relays: WorkspaceRelay[] }];
  "relay.remove": [In & { addr: string }, { removed: boolean }];
  "relay.test": [{ address: string; token?: string }, RelayTest];
  "workspace.sync": [In & { wait_ms?: number }, { converged: boolean | null; peers: Peer[] }];
  "version.create": [In & { name: string }, { version: string; name: string }];
  "version.list": [In, { versions: Version[] }];
  "version.restore": [In & { version: string }, { changed: number }];
  "history.list": [In & { limit?: number; node?: string }, { entries: HistoryEntry[]; total: number }];
  "history.diff": [In & { from: number; to?: number }, DiffAnswer];
  "history.restore": [In & { at: number }, { changed: number }];
  "invite.create": [In & { role: Role; uses?: number; expires?: string; relay?: string[]; for?: string; approve?: true }, { link: string; invite: string; role: Role; expires: string }];
  "invite.list": [In, { invites: Invite[] }];
  "invite.inspect": [{ link: string }, Inspected];
  "invite.revoke": [In & { invite: string }, unknown];
  join: [{ link: string; wait_ms?: number }, { workspace: string; role: Role; status: "member" | "pending"; code?: string }];
  "pipeline.import": [In & { content: string; filename?: string }, { nodes: number; edges: number; stickies: number; warnings: string[] }];
  "pipeline.export": [In & { format: "json" | "ga"; mine?: boolean }, { content: string }];
  "pipeline.validate": [In, { findings: Finding[] }];
  "sync.request": [In, unknown];
  "network.set": [{ online?: boolean; relay_only?: boolean }, NetworkStatus];
  "network.status": [Nothing, NetworkStatus];
  "storage.show": [Nothing, Storage];
  "storage.compact": [Nothing, { before: number; bytes: number }];
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
