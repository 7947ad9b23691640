//! What others in the workspace are doing, read from awareness. Names and colours are data from other people and are bounded here.
import { safeColour } from "../../components/colour";
import { textOf } from "../../doc/plain";
import type { Point } from "../geometry";
import { pair } from "./snapshot";

export interface AwarenessChanges { added: readonly number[]; updated: readonly number[]; removed: readonly number[] }

/** What this module needs of an y-protocols awareness. */
export interface AwarenessLike {
  clientID: number;
  getStates(): Map<number, Record<string, unknown>>;
  getLocalState(): Record<string, unknown> | null;
  setLocalStateField(field: string, value: unknown): void;
  on(event: "change", listener: (changes: AwarenessChanges) => void): void;
  off(event: "change", listener: (changes: AwarenessChanges) => void): void;
}

export interface Presence {
  key: string;
  device: string;
  /** Whether this is somebody at a window, not a peer that merely runs. */
  atWindow: boolean;
  name: string;
  color: string;
  status: "online" | "idle" | "away";
  /** The role that a viewer asks the owners for. Only a wish: roles come from the signed log. */
  asks: "editor" | null;
  pointer: Point | null;
  selection: string[];
  editing: { node: string; what: string } | null;
  viewport: { x: number; y: number; zoom: number } | null;
}

const MAX_NAME = 60;
const MAX_SELECTION = 500;
const MAX_ZOOM = 8;

type Listener = () => void;

export class PresenceStore {
  private people: Presence[] = [];
  private inRoom: Presence[] = [];
  private readonly known = new Map<number, { state: Record<string, unknown>; person: Presence }>();
  private onNodes: ReadonlyMap<string, Presence[]> = new Map();
  private drags: ReadonlyMap<string, Point> = new Map();
  private readonly listeners = new Set<Listener>();
  private readonly markListeners = new Set<Listener>();

  constructor(readonly awareness: AwarenessLike) {
    this.read();
    awareness.on("change", this.read);
  }

  readonly subscribe = (listener: Listener): Listener => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Hears of everything but pointers and views, which move all the time: who is here, what they select or edit, what they drag. */
  readonly subscribeMarks = (listener: Listener): Listener => {
    this.markListeners.add(listener);
    return () => this.markListeners.delete(listener);
  };

  readonly others = () => this.people;
  /** One entry a person, of the window if there is one; another array only when somebody came, went or changed name, colour or status. Pointers in it may be old. */
  readonly roster = () => this.inRoom;
  readonly dragging = () => this.drags;
  /** Those who select or edit this node; the same array as long as nobody's state about it changed. */
  readonly at = (node: string): Presence[] => this.onNodes.get(node) ?? NOBODY;

  /** Publishes one field of the own state; equal values are not sent again. */
  publish(field: string, value: unknown) {
    const now = this.awareness.getLocalState()?.[field];
    if (JSON.stringify(now) !== JSON.stringify(value)) this.awareness.setLocalStateField(field, value);
  }

  destroy() {
    this.awareness.off("change", this.read);
    this.listeners.clear();
    this.markListeners.clear();
  }

  /** A person whose state is the same object as before is the same object too, so that only moving pointers are drawn again. */
  private person(client: number, state: Record<string, unknown>): Presence {
    const before = this.known.get(client);
    if (before?.state === state) return before.person;
    const person = readPresence(client, state);
    this.known.set(client, { state, person });
    return person;
  }

  private readonly read = (changes?: AwarenessChanges) => {
    // The own pointer moves many times a second, and nobody here looks at it.
    if (changes && [changes.added, changes.updated, changes.removed].every((ids) => ids.every((id) => id === this.awareness.clientID))) return;
    const people: Presence[] = [];
    const drags = new Map<string, Point>();
    for (const [client, state] of this.awareness.getStates()) {
      if (client === this.awareness.clientID || !state) continue;
      people.push(this.person(client, state));
      const dragging = state.dragging;
      if (dragging && typeof dragging === "object") {
        for (const [id, pos] of Object.entries(dragging).slice(0, MAX_SELECTION)) drags.set(id, pair(pos, [0, 0]));
      }
    }
    this.people = people.sort((a, b) => a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
    for (const client of [...this.known.keys()]) if (!this.awareness.getStates().has(client)) this.known.delete(client);
    const before = [this.inRoom, this.drags, this.onNodes];
    const roster = oneEach(this.people);
    if (rosterKey(roster) !== rosterKey(this.inRoom)) this.inRoom = roster;
    if (!sameDrags(this.drags, drags)) this.drags = drags;
    this.onNodes = shareNodes(this.onNodes, people);
    const marked = [this.inRoom, this.drags, this.onNodes].some((now, at) => now !== before[at]);
    for (const listener of [...this.listeners, ...(marked ? this.markListeners : [])]) listener();
  };
}

const NOBODY: Presence[] = [];

const LIVELINESS = { online: 2, idle: 1, away: 0 } as const;

/** One person may be at several windows, and run a peer besides: the liveliest window speaks for them. */
function oneEach(people: readonly Presence[]): Presence[] {
  const rank = (one: Presence) => (one.atWindow ? 10 : 0) + LIVELINESS[one.status];
  const best = new Map<string, Presence>();
  for (const one of people) {
    const known = best.get(one.device);
    if (!known || rank(one) > rank(known)) best.set(one.device, one);
  }
  return [...best.values()];
}

const rosterKey = (people: Presence[]): string => JSON.stringify(people.map((one) => [one.key, one.name, one.color, one.status, one.asks]));

const sameDrags = (one: ReadonlyMap<string, Point>, other: ReadonlyMap<string, Point>): boolean =>
  one.size === other.size && [...other].every(([id, [x, y]]) => one.get(id)?.[0] === x && one.get(id)?.[1] === y);

/** The same map, and the same lists in it, as long as nothing in them changed. */
function shareNodes(before: ReadonlyMap<string, Presence[]>, people: Presence[]): ReadonlyMap<string, Presence[]> {
  const next = new Map<string, Presence[]>();
  for (const person of people) {
    const nodes = new Set([...person.selection, ...(person.editing ? [person.editing.node] : [])]);
    for (const node of nodes) next.set(node, [...(next.get(node) ?? []), person]);
  }
  const mark = (list: Presence[]) => JSON.stringify(list.map((one) => [one.key, one.name, one.color, one.editing]));
  for (const [node, list] of next) {
    const old = before.get(node);
    if (old && mark(old) === mark(list)) next.set(node, old);
  }
  if (next.size === before.size && [...next].every(([node, list]) => before.get(node) === list)) return before;
  return next;
}

function readViewport(viewport: { x?: unknown; y?: unknown; zoom?: unknown } | null | undefined): Presence["viewport"] {
  const zoom = viewport?.zoom;
  if (typeof zoom !== "number" || !(zoom > 0 && zoom <= MAX_ZOOM)) return null;
  const [x, y] = pair([viewport?.x, viewport?.y], [Number.NaN, Number.NaN]);
  return Number.isNaN(x) ? null : { x, y, zoom };
}

function readPresence(client: number, state: Record<string, unknown>): Presence {
  const user = (state.user && typeof state.user === "object" ? state.user : {}) as Record<string, unknown>;
  const device = textOf(state.device) || textOf(user.device) || String(client);
  const editing = state.editing as { node?: unknown; what?: unknown; field?: unknown } | null | undefined;
  const pointer = state.pointer as { x?: unknown; y?: unknown } | null | undefined;
  const viewport = state.viewport as { x?: unknown; y?: unknown; zoom?: unknown } | null | undefined;
  const status = state.status === "idle" || state.status === "away" ? state.status : "online";
  // The engine adds name and colour of the signed profile; what the other window says of itself is only a fallback.
  const name = textOf(state.name) || textOf(user.name);
  return {
    key: `${device}:${client}`,
    device,
    atWindow: Boolean(state.user),
    name: (name.trim() ? name : "?").slice(0, MAX_NAME),
    color: safeColour(typeof state.color === "string" ? state.color : user.color),
    status,
    asks: state.asks === "editor" ? "editor" : null,
    pointer: pointer && typeof pointer.x === "number" ? pair([pointer.x, pointer.y], [0, 0]) : null,
    selection: Array.isArray(state.selection) ? state.selection.filter((one): one is string => typeof one === "string").slice(0, MAX_SELECTION) : [],
    editing: editing && typeof editing.node === "string" ? { node: editing.node, what: textOf(editing.what ?? editing.field, "", MAX_NAME) } : null,
    viewport: readViewport(viewport),
  };
}
