//! A selection as text on the clipboard, and back. Pure but for the document; foreign text that is not ours gives null.
import * as Y from "yjs";
import { recordOf, textOf } from "../../doc/plain";
import { bounds, type Point } from "../geometry";
import { addNode, addSticky, connect, notesOf, together } from "./edits";
import type { GraphStore } from "./GraphStore";
import { pair, readPorts } from "./snapshot";

/** More than this in one paste is refused: it is an import, which has a dialog. */
const MAX_PASTED = 500;
const MAX_PASTED_EDGES = 5_000;

/** A note longer than this in UTF-16 units is cut when pasted. */
const MAX_TEXT = 200_000;

interface Fragment {
  omniscope: "fragment";
  nodes: { id: string; type: string; typeVersion: string; label: string; pos: Point; disabled: boolean; params: Record<string, unknown>; notes: string; ports: unknown; extra: Record<string, unknown> }[];
  edges: { source: string; sourcePort: string; target: string; targetPort: string }[];
  stickies: { pos: Point; size: Point; color: string; text: string }[];
}

export function copyFragment(store: GraphStore, ids: ReadonlySet<string>): string | null {
  const nodes = [...store.nodes().values()].filter((node) => ids.has(node.id));
  const stickies = [...store.stickies().values()].filter((sticky) => ids.has(sticky.id));
  if (nodes.length + stickies.length === 0) return null;
  const fragment: Fragment = {
    omniscope: "fragment",
    nodes: nodes.map(({ id, type, typeVersion, label, pos, disabled, params, ports }) => {
      const extra = (store.doc.getMap("nodes").get(id) as Y.Map<unknown>).get("extra");
      return { id, type, typeVersion, label, pos, disabled, params, ports, notes: notesOf(store.doc, id)?.toString() ?? "", extra: recordOf(extra) };
    }),
    edges: [...store.edges().values()].filter((edge) => ids.has(edge.source) && ids.has(edge.target)).map(({ source, sourcePort, target, targetPort }) => ({ source, sourcePort, target, targetPort })),
    stickies: stickies.map(({ pos, size, color, text }) => ({ pos, size, color, text })),
  };
  return JSON.stringify(fragment);
}

/** Adds what the text holds under fresh ids, its top-left corner at `at`; returns the new ids, or null when the text is not a fragment. */
export function pasteFragment(doc: Y.Doc, text: string, at: Point): string[] | null {
  const fragment = parse(text);
  if (!fragment) return null;
  const points = [...fragment.nodes, ...fragment.stickies].map((one) => ({ id: "", x: pair(one.pos, [0, 0])[0], y: pair(one.pos, [0, 0])[1], width: 0, height: 0 }));
  const frame = bounds(points);
  if (!frame) return null;
  const place = (pos: unknown): Point => {
    const [x, y] = pair(pos, [0, 0]);
    return [Math.round(x - frame.x + at[0]), Math.round(y - frame.y + at[1])];
  };
  return together(doc, () => {
    const ids = new Map<string, string>();
    for (const node of fragment.nodes) {
      ids.set(textOf(node.id), addNode(doc, { type: textOf(node.type, "generic"), typeVersion: textOf(node.typeVersion, "1"), label: textOf(node.label), pos: place(node.pos), params: recordOf(node.params), notes: textOf(node.notes, "", MAX_TEXT), disabled: node.disabled === true, ports: readPorts(node.ports), extra: recordOf(node.extra) }));
    }
    for (const edge of fragment.edges) {
      const source = ids.get(edge.source);
      const target = ids.get(edge.target);
      if (source && target) connect(doc, { source, sourcePort: textOf(edge.sourcePort, "out"), target, targetPort: textOf(edge.targetPort, "in") });
    }
    const notes = fragment.stickies.map((sticky) => addSticky(doc, place(sticky.pos), textOf(sticky.text, "", MAX_TEXT), pair(sticky.size, [220, 120]), textOf(sticky.color, "yellow")));
    return [...ids.values(), ...notes];
  });
}

function parse(text: string): Fragment | null {
  try {
    const value = JSON.parse(text) as Partial<Fragment> | null;
    const { nodes = [], edges = [], stickies = [] } = value ?? {};
    if (value?.omniscope !== "fragment" || ![nodes, edges, stickies].every(Array.isArray)) return null;
    if (nodes.length + stickies.length > MAX_PASTED || edges.length > MAX_PASTED_EDGES || ![...nodes, ...edges, ...stickies].every((one) => one && typeof one === "object")) return null;
    return { omniscope: "fragment", nodes, edges, stickies };
  } catch {
    return null;
  }
}
