//! Finding steps and notes by what people remember of them, and the order in which an outline lists them. Pure.
import { typeName } from "./catalogue";
import type { EdgeView, NodeView, StickyView } from "./snapshot";

export interface Hit { id: string; title: string; detail: string; rank: number }

/** More hits than this nobody reads; the field narrows them. */
export const MAX_HITS = 50;

/** Finds nodes and sticky notes in which every typed word occurs; hits in the label come first. An empty search finds nothing. */
export function search(nodes: Iterable<NodeView>, stickies: Iterable<StickyView>, typed: string, notes: (id: string) => string = () => ""): Hit[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const hits: Hit[] = [];
  const add = (id: string, title: string, detail: string, rest: string) => {
    const label = title.toLowerCase();
    const all = `${label} ${detail.toLowerCase()} ${rest.toLowerCase()}`;
    if (!words.every((word) => all.includes(word))) return;
    const rank = words.every((word) => label.includes(word)) ? (label.startsWith(words[0] ?? "") ? 0 : 1) : 2;
    hits.push({ id, title, detail, rank });
  };
  for (const node of nodes) add(node.id, node.label, typeName(node.type), `${node.type} ${JSON.stringify(node.params)} ${notes(node.id)}`);
  for (const sticky of stickies) add(sticky.id, sticky.text.split("\n")[0]?.slice(0, 80) ?? "", "", sticky.text);
  return hits.sort((a, b) => a.rank - b.rank || a.title.localeCompare(b.title) || a.id.localeCompare(b.id)).slice(0, MAX_HITS);
}

export interface OutlineRow { id: string; depth: number; from: string[]; to: string[] }

/** Lists the steps so that every step stands after those that feed it, as far as there is no circle; `depth` is the longest way from a source. */
export function outline(nodes: ReadonlyMap<string, NodeView>, edges: Iterable<EdgeView>): OutlineRow[] {
  const rows = new Map<string, OutlineRow>([...nodes.keys()].map((id) => [id, { id, depth: 0, from: [], to: [] }]));
  for (const { source, target } of edges) {
    const [from, to] = [rows.get(source), rows.get(target)];
    if (!from || !to || source === target || from.to.includes(target)) continue;
    from.to.push(target);
    to.from.push(source);
  }
  const waiting = new Map([...rows.values()].map((row) => [row.id, row.from.length]));
  const order = (a: OutlineRow, b: OutlineRow) => compareText(nodes.get(a.id)?.label ?? "", nodes.get(b.id)?.label ?? "") || compareText(a.id, b.id);
  const done: OutlineRow[] = [];
  let ready = [...rows.values()].filter((row) => row.from.length === 0).sort(order);
  while (done.length < rows.size) {
    // A circle is entered at its first step by name, so that every step is listed once.
    if (ready.length === 0) ready = [...rows.values()].filter((row) => (waiting.get(row.id) ?? 0) > 0).sort(order).slice(0, 1);
    const next: OutlineRow[] = [];
    for (const row of ready) {
      waiting.set(row.id, -1);
      done.push(row);
      for (const id of row.to) {
        const target = rows.get(id);
        const left = (waiting.get(id) ?? 0) - 1;
        if (!target || left < -1) continue;
        target.depth = Math.max(target.depth, row.depth + 1);
        waiting.set(id, left);
        if (left === 0) next.push(target);
      }
    }
    ready = next.sort(order);
  }
  return done;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
