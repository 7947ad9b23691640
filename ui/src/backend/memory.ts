//! A backend in memory: the engine's side of the document channel, without disk, network or keys. Tests drive its controls.
//! Deliberately absent: the gate and the rules of authority; a test says which push is refused.
import * as Y from "yjs";
import { type Frame, type OtherState, writeFrame } from "./frames";
import { type Backend, BackendError, type EngineEvent } from "./types";

type Call = (method: string, params: Record<string, unknown>) => unknown;

interface Window {
  workspace: string;
  client: number;
  pushes: number;
  /** Taken and not yet part of the engine's document, while `gather` is on. */
  gathered: Uint8Array[];
  listener: (message: Uint8Array) => void;
}

export interface MemoryOptions {
  call?: Call;
  document?: (workspace: string) => Y.Doc;
  writable?: boolean;
}

export class MemoryBackend implements Backend {
  /** Every push that arrived, in order of arrival. */
  readonly pushed: Uint8Array[] = [];
  /** Every own presence that arrived. */
  readonly said: (Record<string, unknown> | null)[] = [];
  /** Every file that was saved, by name. */
  readonly files = new Map<string, Uint8Array>();
  /** Answers to a push wait for this; tests replace it to hold pushes in the air. */
  flight: () => Promise<unknown> = () => Promise.resolve();
  /** Whether pushes become durable as soon as they are taken. */
  durable = true;
  /** Keeps pushes out of the engine's document until they are durable; a reset forgets them, as a crash would. */
  gather = false;
  /** Says why a push is not taken; null takes it. */
  judge: (update: Uint8Array) => { code: string; message: string; throws?: boolean } | null = () => null;
  private readonly documents = new Map<string, Y.Doc>();
  private readonly windows = new Map<number, Window>();
  private readonly listeners = new Set<(event: EngineEvent) => void>();
  private handles = 0;
  private clients = 1_000;

  constructor(private readonly options: MemoryOptions = {}) {}

  call(method: string, params: Record<string, unknown>): Promise<unknown> {
    return Promise.resolve().then(() => {
      if (!this.options.call) throw new BackendError("unknown_method", `No method “${method}” in memory`);
      return structuredClone(this.options.call(method, params));
    });
  }

  subscribeEvents(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: EngineEvent) {
    for (const listener of [...this.listeners]) listener(event);
  }

  async openDocument(workspace: string, listener: (message: Uint8Array) => void) {
    const document = ++this.handles;
    const client = ++this.clients;
    this.windows.set(document, { workspace, client, pushes: 0, gathered: [], listener });
    this.send(document, { kind: "state", update: Y.encodeStateAsUpdate(this.document(workspace)) });
    await Promise.resolve();
    return { document, client_id: client, writable: this.options.writable ?? true };
  }

  async pushUpdate(document: number, update: Uint8Array): Promise<number> {
    this.pushed.push(update);
    await this.flight();
    const window = this.windows.get(document);
    if (!window) throw new BackendError("no_document", "The document is closed");
    const refusal = this.judge(update);
    if (refusal?.throws) throw new BackendError(refusal.code, refusal.message);
    window.pushes += 1;
    if (refusal) this.refuse(document, refusal);
    else {
      window.gathered.push(update);
      if (!this.gather) this.fold(document);
      if (this.durable) this.save(document);
    }
    return window.pushes;
  }

  setAwareness(_document: number, state: Record<string, unknown> | null): Promise<void> {
    this.said.push(state);
    return Promise.resolve();
  }

  saveFile(name: string, content: Uint8Array): Promise<string> {
    this.files.set(name, content);
    return Promise.resolve(name);
  }

  closeDocument(document: number): Promise<void> {
    this.windows.delete(document);
    return Promise.resolve();
  }

  /** The engine's own document of a workspace. Changes made in it go to every window as another person's. */
  document(workspace: string): Y.Doc {
    const known = this.documents.get(workspace);
    if (known) return known;
    const doc = this.options.document?.(workspace) ?? new Y.Doc({ gc: false });
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      for (const [handle, window] of this.windows) if (window.workspace === workspace && handle !== origin) this.send(handle, { kind: "update", update });
    });
    this.documents.set(workspace, doc);
    return doc;
  }

  /** The handles of the open documents. */
  get open(): number[] {
    return [...this.windows.keys()];
  }

  send(document: number, frame: Frame) {
    this.windows.get(document)?.listener(writeFrame(frame));
  }

  /** Shows somebody's presence to every window of a workspace. */
  show(workspace: string, other: OtherState) {
    for (const [handle, window] of this.windows) if (window.workspace === workspace) this.send(handle, { kind: "awareness", ...other });
  }

  /** Makes what was pushed durable, and says so. */
  save(document: number) {
    const window = this.windows.get(document);
    if (!window) return;
    this.fold(document);
    this.send(document, { kind: "saved", count: window.pushes });
  }

  /** Begins a new session for a window, on `state` or on what the engine has. */
  reset(document: number, reason: string, state?: Y.Doc) {
    const window = this.windows.get(document);
    if (!window) return;
    window.client = ++this.clients;
    window.gathered = [];
    if (state) this.documents.set(window.workspace, state);
    this.send(document, { kind: "reset", client_id: window.client, reason });
    this.send(document, { kind: "state", update: Y.encodeStateAsUpdate(this.document(window.workspace)) });
  }

  private refuse(document: number, { code, message }: { code: string; message: string }) {
    this.send(document, { kind: "refused", code, message });
    this.reset(document, message);
  }

  private fold(document: number) {
    const window = this.windows.get(document);
    for (const update of window?.gathered.splice(0) ?? []) Y.applyUpdate(this.document(window?.workspace ?? ""), update, document);
  }
}
