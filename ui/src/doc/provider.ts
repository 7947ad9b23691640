//! The Yjs provider over one window's channel to the engine: keeps a Y.Doc in step under the session the engine gave, and own edits safe across sessions.
//!
//! A session's Y.Doc is never resumed. Whenever the engine begins another one (its document was rebuilt, an edit was refused, Yjs left the client id by itself,
//! an own edit contradicts itself (`order`), `connect` after `disconnect`) a new Y.Doc takes its place, and own edits that were not durable yet are made again in it as facts, not as bytes.
//! Deliberately absent: networks, keys, roles; who may write is the engine's word.
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { type Backend, BackendError, type Opened } from "../backend/types";
import { type Frame, readFrame } from "../backend/frames";
import { applyChanges, type Change, changesBetween, without } from "./changes";
import { Emitter } from "./emitter";
import { isOrdered } from "./order";
import { Others } from "./others";
import { Outbox } from "./outbox";

export type ProviderStatus = "connecting" | "connected" | "disconnected";

/** An edit that the engine did not take. `content` is what it said, for the person to keep; it is in no document any more. */
export interface Refused { code: string; message: string; content: Change[] }

export interface Replaced { doc: Y.Doc; awareness: Awareness; reason: string; lost: number }

export interface ProviderEvents extends Record<string, unknown> {
  status: { status: ProviderStatus };
  /** True once the whole state is in; false when the channel is closed or begins anew. */
  synced: boolean;
  /** How many own transactions are not durable on this computer yet. */
  saved: { waiting: number };
  /** Another Y.Doc took the place of the one before; `lost` own changes had no place in it. */
  reset: Replaced;
  refused: Refused;
  /** Opening failed; `connect` tries again. */
  failed: BackendError;
}

/** Times in a row that a session may fail with nothing saved between: a refusal often speaks about the session (bytes of the one before arrived late), and then the
 *  same edit counts in the next. After that edits are handed out, or the provider stays disconnected, and nothing turns in circles. */
const MAX_FRUITLESS = 2;

/** The origin of own edits made again after a change of session. */
export const REISSUED = "reissued";

/** Messages that may arrive before the opening call answers. */
const MAX_EARLY = 1024;

interface Live { doc: Y.Doc; others: Others; outbox: Outbox; stop: () => void }

export class OmniScopeProvider extends Emitter<ProviderEvents> {
  status: ProviderStatus = "disconnected";
  synced = false;
  /** Whether the engine lets edits of this session count. */
  writable = false;
  private live: Live | null = null;
  private opened: Opened | null = null;
  private session = { client: 0, reason: "" };
  private fruitless = 0;
  /** Counts openings, so that answers and messages of an earlier one are known as such. */
  private opening = 0;

  constructor(private readonly backend: Backend, readonly workspace: string, options: { connect?: boolean } = {}) {
    super();
    if (options.connect !== false) this.connect();
  }

  /** The present Y.Doc; throws before the first `synced`. */
  get doc(): Y.Doc {
    if (!this.live) throw new Error("the document is there once the provider has synced");
    return this.live.doc;
  }

  get awareness(): Awareness {
    if (!this.live) throw new Error("awareness is there once the provider has synced");
    return this.live.others.awareness;
  }

  /** Own transactions that are not durable yet. */
  get waiting(): number {
    return this.live?.outbox.waiting ?? 0;
  }

  connect() {
    if (this.status !== "disconnected") return;
    this.fruitless = 0;
    void this.open("");
  }

  /** Closes the channel. The Y.Doc stays, edits in it are kept and made again on `connect`. */
  disconnect() {
    if (this.status === "disconnected") return;
    this.opening += 1;
    this.live?.outbox.stop();
    this.live?.others.clear();
    this.closeChannel();
    this.become("disconnected");
  }

  /** Says good-bye to the others and lets everything go. */
  destroy() {
    this.disconnect();
    this.live?.stop();
    this.live = null;
    this.silence();
  }

  private async open(reason: string) {
    const turn = ++this.opening;
    const early: Uint8Array[] = [];
    let ready = false;
    this.become("connecting");
    try {
      const opened = await this.backend.openDocument(this.workspace, (message) => {
        if (turn !== this.opening) return;
        if (ready) this.hear(message);
        else if (early.length < MAX_EARLY) early.push(message);
      });
      if (turn !== this.opening) {
        this.backend.closeDocument(opened.document).catch(ignore);
        return;
      }
      this.opened = opened;
      this.writable = opened.writable;
      this.session = { client: opened.client_id, reason };
      ready = true;
      for (const message of early) this.hear(message);
    } catch (error) {
      if (turn !== this.opening) return;
      this.become("disconnected");
      this.emit("failed", BackendError.from(error));
    }
  }

  private hear(message: Uint8Array) {
    const frame = readFrame(message);
    if (frame) this.take(frame);
  }

  private take(frame: Frame) {
    switch (frame.kind) {
      case "state": return this.begin(frame.update);
      case "update": return this.fold(frame.update);
      case "reset":
        // Nothing may be pushed under the old client id any more.
        this.live?.outbox.stop();
        this.session = { client: frame.client_id, reason: frame.reason };
        return;
      case "saved":
        this.fruitless = 0;
        return this.live?.outbox.saved(frame.count);
      case "awareness": return this.live?.others.hear(frame);
      case "refused":
        return this.refuse(frame);
    }
  }

  /** Puts a new Y.Doc, filled with the engine's whole state, in the place of the one before. */
  private begin(state: Uint8Array) {
    const before = this.live;
    const mine = before ? this.unsaved(before) : [];
    const next = this.start(state);
    this.live = next;
    if (before) next.others.inherit(before.others);
    before?.stop();
    this.become("connected");
    this.setSynced(true);
    const lost = mine.length > 0 ? applyChanges(next.doc, mine, REISSUED) : 0;
    this.emit("saved", { waiting: next.outbox.waiting });
    if (before) this.emit("reset", { doc: next.doc, awareness: next.others.awareness, reason: this.session.reason, lost });
  }

  private start(state: Uint8Array): Live {
    const doc = new Y.Doc({ gc: false });
    const handle = this.opened?.document ?? 0;
    doc.clientID = this.session.client;
    Y.applyUpdate(doc, state, this);
    // A state that holds the session's own edits makes Yjs choose another id; they are all in it, so the session goes on.
    doc.clientID = this.session.client;
    const others = new Others(doc, (own) => this.backend.setAwareness(handle, own));
    const outbox = new Outbox((update) => this.backend.pushUpdate(handle, update), (waiting) => this.emit("saved", { waiting }), (error) => this.pushFailed(BackendError.from(error)));
    const push = (update: Uint8Array, origin: unknown, _: Y.Doc, transaction: Y.Transaction) => {
      if (origin === this) return;
      const leaves = this.status === "connected" && !isOrdered(transaction);
      if (leaves) outbox.stop();
      outbox.add(update);
      if (leaves) this.reopen("");
    };
    doc.on("update", push);
    return {
      doc,
      others,
      outbox,
      stop: () => {
        doc.off("update", push);
        outbox.stop();
        others.destroy();
      },
    };
  }

  private fold(update: Uint8Array) {
    const live = this.live;
    if (!live) return;
    Y.applyUpdate(live.doc, update, this);
    if (live.doc.clientID === this.session.client) return;
    this.fruitless += 1;
    if (this.fruitless <= MAX_FRUITLESS) return this.reopen("");
    this.disconnect();
    this.emit("failed", new BackendError("session_failed", "The document's session ends as soon as it begins"));
  }

  /** What the own edits say that are not durable, found by taking them away from the document. */
  private unsaved(live: Live): Change[] {
    const updates = live.outbox.unsaved;
    return updates.length > 0 ? changesBetween(without(live.doc, updates), live.doc) : [];
  }

  /** Nothing more is pushed in this session: what follows a refused edit would not fit either. The engine, or the caller, begins another one. */
  private refuse({ code, message }: { code: string; message: string }) {
    const live = this.live;
    live?.outbox.stop();
    this.fruitless += 1;
    if (!live || this.fruitless <= MAX_FRUITLESS) return;
    const content = this.unsaved(live);
    live.outbox.forget();
    this.emit("refused", { code, message, content });
  }

  private pushFailed(error: BackendError) {
    this.refuse(error);
    this.reopen(error.message);
  }

  /** Leaves this session for a new one. Edits made meanwhile stay in the old document's outbox and go along. */
  private reopen(reason: string) {
    this.live?.outbox.stop();
    this.closeChannel();
    void this.open(reason);
  }

  private closeChannel() {
    const opened = this.opened;
    this.opened = null;
    this.setSynced(false);
    if (!opened) return;
    this.backend.setAwareness(opened.document, null).catch(ignore);
    this.backend.closeDocument(opened.document).catch(ignore);
  }

  private become(status: ProviderStatus) {
    if (this.status === status) return;
    this.status = status;
    this.emit("status", { status });
  }

  private setSynced(synced: boolean) {
    if (this.synced === synced) return;
    this.synced = synced;
    this.emit("synced", synced);
  }
}

/** A channel that is already closed needs no closing. */
const ignore = () => undefined;
