//! What a document says differently than another, as plain data, and the same said again elsewhere. It carries own edits across a change of session,
//! where the bytes of the old session no longer count. Deliberately absent: merging of text beyond one replaced stretch per text.
import * as Y from "yjs";
import { plainOf } from "./plain";

/** The roots of a workspace document; all are maps. */
export const ROOTS = ["meta", "nodes", "edges", "stickies", "groups", "comments", "data", "extra"] as const;

/** A value of the document as JSON that keeps apart maps, texts and plain values. */
export type Plain = { map: Record<string, Plain> } | { text: string } | { json: unknown };

/** One difference; `path` begins with the root's name. */
export type Change = { path: string[]; remove: true } | { path: string[]; value: Plain } | { path: string[]; from: string; to: string };

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function plain(value: unknown): Plain {
  if (value instanceof Y.Map) return { map: Object.fromEntries([...value.entries()].map(([key, inner]) => [key, plain(inner)])) };
  if (value instanceof Y.Text) return { text: value.toString() };
  return { json: plainOf(value) };
}

function made(value: Plain): unknown {
  if ("map" in value) return new Y.Map(Object.entries(value.map).map(([key, inner]) => [key, made(inner)]));
  return "text" in value ? new Y.Text(value.text) : value.json;
}

/** Lists how `after` differs from `before`, facts in the order of the roots. */
export function changesBetween(before: Y.Doc, after: Y.Doc): Change[] {
  const changes: Change[] = [];
  for (const root of ROOTS) compare(before.getMap(root), after.getMap(root), [root], changes);
  return changes;
}

function compare(before: Y.Map<unknown>, after: Y.Map<unknown>, path: string[], changes: Change[]) {
  for (const key of before.keys()) if (!after.has(key)) changes.push({ path: [...path, key], remove: true });
  for (const [key, now] of after.entries()) {
    const then = before.get(key);
    const at = [...path, key];
    if (now instanceof Y.Map && then instanceof Y.Map) compare(then, now, at, changes);
    else if (now instanceof Y.Text && then instanceof Y.Text) {
      const [from, to] = [then.toString(), now.toString()];
      if (from !== to) changes.push({ path: at, from, to });
    } else if (!before.has(key) || !same(plain(then), plain(now))) changes.push({ path: at, value: plain(now) });
  }
}

/** Makes the changes in `doc` as one transaction, leaving out what already stands there. Returns how many had no place: what they belong to is gone. */
export function applyChanges(doc: Y.Doc, changes: readonly Change[], origin: unknown): number {
  let lost = 0;
  doc.transact(() => {
    for (const change of changes) if (!applyOne(doc, change)) lost += 1;
  }, origin);
  return lost;
}

function applyOne(doc: Y.Doc, change: Change): boolean {
  const [root = "", ...rest] = change.path;
  const key = rest.pop();
  let parent: Y.Map<unknown> = doc.getMap(root);
  for (const step of rest) {
    const next = parent.get(step);
    if (!(next instanceof Y.Map)) return "remove" in change;
    parent = next as Y.Map<unknown>;
  }
  if (key === undefined) return false;
  const now = parent.get(key);
  if ("remove" in change) {
    if (parent.has(key)) parent.delete(key);
  } else if ("value" in change) {
    if (!parent.has(key) || !same(plain(now), change.value)) parent.set(key, made(change.value));
  } else if (now instanceof Y.Text) {
    if (now.toString() !== change.to) replaceText(now, change.from, change.to);
  } else return false;
  return true;
}

/** Replaces in `text` the one stretch in which `to` differs from `from`; the rest keeps its authors and carets. */
export function replaceText(text: Y.Text, from: string, to: string) {
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head += 1;
  let tail = 0;
  while (tail < from.length - head && tail < to.length - head && from[from.length - 1 - tail] === to[to.length - 1 - tail]) tail += 1;
  const at = Math.min(head, text.length);
  const gone = Math.min(from.length - tail - head, text.length - at);
  if (gone > 0) text.delete(at, gone);
  if (to.length - tail > head) text.insert(at, to.slice(head, to.length - tail));
}

/** Gives the document as it would be without these own updates, the latest of its session. Needs a document without garbage collection. */
export function without(doc: Y.Doc, updates: readonly Uint8Array[]): Y.Doc {
  const state = Y.decodeStateVector(Y.encodeStateVector(doc));
  const deleted = Y.createDeleteSetFromStructStore(doc.store);
  for (const update of updates) {
    const { structs, ds } = Y.decodeUpdate(update);
    for (const { id } of structs) state.set(id.client, Math.min(state.get(id.client) ?? 0, id.clock));
    for (const [client, ranges] of ds.clients) for (const range of ranges) spare(deleted, client, range.clock, range.clock + range.len);
  }
  return Y.createDocFromSnapshot(doc, new Y.Snapshot(deleted, state), new Y.Doc({ gc: false }));
}

interface Span { clock: number; len: number }

/** Takes the clocks from `start` to before `end` out of what counts as deleted. */
function spare(deleted: { clients: Map<number, Span[]> }, client: number, start: number, end: number) {
  const spans = deleted.clients.get(client) ?? [];
  const left = spans.flatMap(({ clock, len }) => {
    const stop = clock + len;
    return [{ clock, len: Math.min(stop, start) - clock }, { clock: Math.max(clock, end), len: stop - Math.max(clock, end) }].filter((span) => span.len > 0);
  });
  deleted.clients.set(client, left);
}
