//! Every change the window makes to a document: one function, one transaction, one key per independently editable fact. Nothing here asks or draws.
import { blake3 } from "@noble/hashes/blake3.js";
import * as Y from "yjs";
import { replaceText } from "../../doc/changes";
import { textOf } from "../../doc/plain";
import type { Point } from "../geometry";
import { type FileFacts, pair, type Ports } from "./snapshot";

/** The origin of the window's own canvas edits; the undo stack follows it. */
export const CANVAS = "canvas";

export interface NewNode {
  type: string;
  typeVersion?: string;
  label: string;
  pos: Point;
  params?: Record<string, unknown>;
  notes?: string;
  disabled?: boolean;
  ports?: Ports | null;
  extra?: Record<string, unknown>;
}

export interface Ends { source: string; sourcePort: string; target: string; targetPort: string }

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

function freshId(prefix: string): string {
  return prefix + Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => BASE32[byte & 31]).join("");
}

/** The id an edge has by its ends, so that the same edge drawn twice is one edge. */
export function edgeId(ends: Ends): string {
  const bytes = new TextEncoder().encode([ends.source, ends.sourcePort, ends.target, ends.targetPort].join("\0"));
  return `e${Array.from(blake3(bytes).subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The `n`th key of an ordered list, as fractional indexing writes integers and as the engine does: `a0`, … `az`, `b00`, … */
export function orderKey(n: number): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let [rest, width, span] = [n, 1, 62];
  while (rest >= span) {
    rest -= span;
    width += 1;
    span *= 62;
  }
  let key = "";
  for (let digit = 0; digit < width; digit += 1) {
    key = digits[rest % 62] + key;
    rest = Math.floor(rest / 62);
  }
  return String.fromCharCode(96 + width) + key;
}

const entry = (doc: Y.Doc, root: string, id: string): Y.Map<unknown> | null => {
  const found = doc.getMap(root).get(id);
  return found instanceof Y.Map ? (found as Y.Map<unknown>) : null;
};

/** Runs several edits as one undo step and one update. */
export function together<T>(doc: Y.Doc, work: () => T): T {
  return doc.transact(work, CANVAS);
}

export function addNode(doc: Y.Doc, node: NewNode): string {
  return together(doc, () => {
    const id = freshId("n");
    const map = new Y.Map<unknown>();
    doc.getMap("nodes").set(id, map);
    map.set("type", node.type);
    map.set("typeVersion", node.typeVersion ?? "1");
    map.set("label", node.label);
    map.set("pos", node.pos);
    if (node.disabled) map.set("disabled", true);
    map.set("params", new Y.Map(Object.entries(node.params ?? {})));
    map.set("promoted", new Y.Map());
    map.set("notes", new Y.Text(node.notes ?? ""));
    if (node.ports) map.set("ports", node.ports);
    map.set("extra", new Y.Map(Object.entries(node.extra ?? {})));
    return id;
  });
}

/** Moves nodes and sticky notes; unknown ids are passed over, because a peer may have deleted them meanwhile. */
export function moveAll(doc: Y.Doc, positions: ReadonlyMap<string, Point>) {
  together(doc, () => {
    for (const [id, pos] of positions) {
      const map = entry(doc, "nodes", id) ?? entry(doc, "stickies", id);
      const [x, y] = [Math.round(pos[0]), Math.round(pos[1])];
      const now = pair(map?.get("pos"), [NaN, NaN]);
      if (map && (now[0] !== x || now[1] !== y)) map.set("pos", [x, y]);
    }
  });
}

export function setNodeFact(doc: Y.Doc, id: string, fact: "label" | "type" | "typeVersion" | "disabled", value: string | boolean) {
  together(doc, () => entry(doc, "nodes", id)?.set(fact, value));
}

export function setParam(doc: Y.Doc, id: string, name: string, value: unknown) {
  together(doc, () => {
    const node = entry(doc, "nodes", id);
    const params = node?.get("params");
    if (params instanceof Y.Map) params.set(name, value);
    else node?.set("params", new Y.Map([[name, value]]));
  });
}

/** Says which file a step reads, or that it reads none. */
export function setFile(doc: Y.Doc, id: string, file: FileFacts | null) {
  together(doc, () => {
    const node = entry(doc, "nodes", id);
    const extra = node?.get("extra");
    if (!(extra instanceof Y.Map)) {
      if (file) node?.set("extra", new Y.Map([["file", file]]));
    } else if (file) extra.set("file", file);
    else extra.delete("file");
  });
}

export function removeParam(doc: Y.Doc, id: string, name: string) {
  together(doc, () => {
    const params = entry(doc, "nodes", id)?.get("params");
    if (params instanceof Y.Map) params.delete(name);
  });
}

/** Deletes nodes with the edges at them, edges and sticky notes, whichever the ids name. */
export function removeAll(doc: Y.Doc, ids: ReadonlySet<string>) {
  together(doc, () => {
    const edges = doc.getMap<unknown>("edges");
    for (const [id, edge] of [...edges.entries()]) {
      const gone = ids.has(id) || (edge instanceof Y.Map && (ids.has(textOf(edge.get("source"))) || ids.has(textOf(edge.get("target")))));
      if (gone) edges.delete(id);
    }
    for (const root of ["nodes", "stickies"]) {
      const map = doc.getMap(root);
      for (const id of ids) if (map.has(id)) map.delete(id);
    }
  });
}

export function connect(doc: Y.Doc, ends: Ends): string {
  return together(doc, () => {
    const id = edgeId(ends);
    const edges = doc.getMap("edges");
    if (!edges.has(id)) {
      const beside = [...edges.values()].flatMap((edge) => (edge instanceof Y.Map && edge.get("target") === ends.target && edge.get("targetPort") === ends.targetPort ? [textOf(edge.get("order"))] : []));
      let n = beside.length;
      while (beside.some((order) => order >= orderKey(n)) && n < 2 * beside.length + 64) n += 1;
      edges.set(id, new Y.Map<unknown>([...Object.entries(ends), ["order", orderKey(n)]]));
    }
    return id;
  });
}

export function addSticky(doc: Y.Doc, pos: Point, text = "", size: Point = [220, 120], color = "yellow"): string {
  return together(doc, () => {
    const id = freshId("s");
    const map = new Y.Map<unknown>();
    doc.getMap("stickies").set(id, map);
    map.set("pos", pos);
    map.set("size", size);
    map.set("color", color);
    map.set("text", new Y.Text(text));
    return id;
  });
}

export function setSticky(doc: Y.Doc, id: string, facts: { pos?: Point; size?: Point; color?: string }) {
  together(doc, () => {
    const sticky = entry(doc, "stickies", id);
    for (const [name, value] of Object.entries(facts)) sticky?.set(name, value);
  });
}

/** Replaces what differs between the old and new text, so that two writers keep each other's words. */
export function setStickyText(doc: Y.Doc, id: string, next: string) {
  const text = entry(doc, "stickies", id)?.get("text");
  if (!(text instanceof Y.Text)) return;
  together(doc, () => replaceText(text, text.toString(), next));
}

/** The text that notes editors bind to; null for a node that is gone or came without notes. */
export function notesOf(doc: Y.Doc, id: string): Y.Text | null {
  const notes = entry(doc, "nodes", id)?.get("notes");
  return notes instanceof Y.Text ? notes : null;
}

export function setMeta(doc: Y.Doc, name: string, value: string) {
  together(doc, () => doc.getMap("meta").set(name, value));
}
