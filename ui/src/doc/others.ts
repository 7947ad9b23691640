//! Bridges an y-protocols awareness to the engine's: the own state out at a bounded rate, other instances' states in under numbers of this window's own making.
//! Deliberately absent: expiry of others, which is the engine's: it hears their heartbeats.
import { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import type { OtherState } from "../backend/frames";
import { nextFrame } from "./frame";
import { textOf } from "./plain";

/** The own state goes out at most 25 times a second, and never while the last one is still on its way. */
export const AWARENESS_MS = 40;

/** The engine takes no larger state, counted as UTF-8 bytes of its JSON. */
const MAX_STATE_BYTES = 4 * 1024;

/** So many of the selected, and of the dragged, are still shown when all of them are too many. */
const SHOWN_OF_MANY = [64, 16, 0] as const;

const GREY = "#77766e";
const MAX_NAME = 60;

/** What editors such as CodeMirror put into styles and labels: the signed name where the engine gave one, and a plain colour. */
function tame(state: Record<string, unknown>): Record<string, unknown> {
  const user = (typeof state.user === "object" && state.user ? state.user : {}) as Record<string, unknown>;
  const wanted = textOf(state.color) || textOf(user.color);
  const color = /^#[0-9a-f]{6}$/i.test(wanted) ? wanted : GREY;
  return { name: (textOf(state.name) || textOf(user.name, "?")).slice(0, MAX_NAME), color, colorLight: `${color}33` };
}

/** Cuts what may be long, so that the pointer of somebody who selects or drags very much is still seen. */
export function fitting(state: Record<string, unknown> | null): Record<string, unknown> | null {
  const size = () => new TextEncoder().encode(JSON.stringify(fitted)).length;
  let fitted = state;
  for (const count of SHOWN_OF_MANY) {
    if (!state || size() <= MAX_STATE_BYTES) break;
    const { selection, dragging } = state;
    fitted = {
      ...state,
      ...(Array.isArray(selection) ? { selection: selection.slice(0, count) } : {}),
      ...(dragging ? { dragging: Object.fromEntries(Object.entries(dragging).slice(0, count)) } : {}),
    };
  }
  return fitted;
}

/** More instances than this are not shown; ten people with three windows each are far below it. */
const MAX_OTHERS = 512;

/** Session client ids of documents stay below 2^53 and are random; the numbers of other instances only need to differ from the own one. */
const FIRST_NUMBER = 2 ** 40;

export class Others {
  readonly awareness: Awareness;
  private readonly known = new Map<string, { client: number; device: string; instance: string }>();
  private next = FIRST_NUMBER;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sentAt = Number.NEGATIVE_INFINITY;
  /** Who moved since the last frame, and what ends the wait for the next one. */
  private readonly moved = new Set<number>();
  private stopFrame: (() => void) | undefined;
  private sending = false;
  private stale = false;

  constructor(doc: Y.Doc, private readonly send: (state: Record<string, unknown> | null) => Promise<unknown>) {
    this.awareness = new Awareness(doc);
    this.awareness.on("update", this.onUpdate);
  }

  /** Shows, renews or (state null) removes one other instance. Who comes and goes is told at once, what they do once a frame: nothing is drawn between. */
  hear({ device, instance, state }: OtherState) {
    const key = `${device}/${instance}`;
    const before = this.known.get(key);
    if (!before && (!state || this.known.size >= MAX_OTHERS)) return;
    const client = before?.client ?? this.next++;
    if (state) {
      this.known.set(key, { client, device, instance });
      this.awareness.states.set(client, { ...state, device, ...(state.user ? { user: tame(state) } : {}) });
    } else {
      this.known.delete(key);
      this.awareness.states.delete(client);
    }
    // Never outdated: y-protocols' own expiry would race with the engine's.
    this.awareness.meta.set(client, { clock: (this.awareness.meta.get(client)?.clock ?? 0) + 1, lastUpdated: Number.POSITIVE_INFINITY });
    if (before && state) {
      this.moved.add(client);
      this.stopFrame ??= nextFrame(this.tellMoves);
      return;
    }
    this.moved.delete(client);
    this.tell({ added: state ? [client] : [], updated: [], removed: state ? [] : [client] });
  }

  /** Shows the same people, and says the same of oneself, as the session before did. */
  inherit(previous: Others) {
    for (const { client, device, instance } of previous.known.values()) {
      const state = previous.awareness.states.get(client);
      if (state) this.hear({ device, instance, state });
    }
    const own = previous.awareness.getLocalState();
    // A caret is a place in the old document.
    if (own && Object.keys(own).length > 0) this.awareness.setLocalState({ ...own, cursor: null });
  }

  /** Forgets everybody: nobody can be heard. */
  clear() {
    for (const { device, instance } of [...this.known.values()]) this.hear({ device, instance, state: null });
  }

  destroy() {
    clearTimeout(this.timer);
    this.stopFrame?.();
    this.awareness.off("update", this.onUpdate);
    this.awareness.destroy();
  }

  private readonly tellMoves = () => {
    this.stopFrame = undefined;
    const updated = [...this.moved];
    this.moved.clear();
    if (updated.length > 0) this.tell({ added: [], updated, removed: [] });
  };

  private tell(change: { added: number[]; updated: number[]; removed: number[] }) {
    this.awareness.emit("change", [change, this]);
    this.awareness.emit("update", [change, this]);
  }

  private readonly onUpdate = (_: unknown, origin: unknown) => {
    if (origin === this) return;
    this.stale = true;
    this.later();
  };

  private later() {
    if (this.sending || !this.stale) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.sentAt = performance.now();
      this.stale = false;
      this.sending = true;
      const done = () => {
        this.sending = false;
        this.later();
      };
      // A lost presence entry is repaired by the next one.
      this.send(fitting(this.awareness.getLocalState())).then(done, done);
    }, Math.max(0, this.sentAt + AWARENESS_MS - performance.now()));
  }
}
