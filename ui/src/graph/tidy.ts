//! Automatic layout, left to right, by dagre. Pure: boxes and links in, new positions out. Deliberately absent: applying them.
import dagre from "@dagrejs/dagre";
import { bounds, type Box, type Point, snap } from "./geometry";

export interface Link {
  source: string;
  target: string;
}

const RANK_GAP = 88;
const NODE_GAP = 28;

/**
 * Lays the boxes out and returns only what moves; empty when everything already stands where it would be put.
 *
 * The top-left corner of the whole stays where it was. Equal input in any order gives equal output: ids break ties.
 */
export function tidy(boxes: readonly Box[], links: readonly Link[]): Map<string, Point> {
  const before = bounds(boxes);
  if (!before) return new Map();
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", ranksep: RANK_GAP, nodesep: NODE_GAP, edgesep: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const sorted = [...boxes].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const box of sorted) graph.setNode(box.id, { width: box.width, height: box.height });
  const known = new Set(sorted.map((box) => box.id));
  const wires = links.filter((link) => known.has(link.source) && known.has(link.target) && link.source !== link.target);
  for (const link of [...wires].sort((a, b) => (a.source + a.target < b.source + b.target ? -1 : 1))) graph.setEdge(link.source, link.target);
  dagre.layout(graph);
  const placed: Box[] = sorted.map((box) => {
    const { x, y } = graph.node(box.id) as { x: number; y: number };
    return { ...box, x: x - box.width / 2, y: y - box.height / 2 };
  });
  const after = bounds(placed);
  const shift: Point = [snap(before.x) - (after?.x ?? 0), snap(before.y) - (after?.y ?? 0)];
  const result = new Map<string, Point>();
  for (const [index, box] of placed.entries()) {
    const next: Point = [snap(box.x + shift[0]), snap(box.y + shift[1])];
    const old = sorted[index];
    if (old && (old.x !== next[0] || old.y !== next[1])) result.set(box.id, next);
  }
  return result;
}
