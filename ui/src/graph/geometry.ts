//! Boxes on the canvas in flow coordinates: alignment, distribution, bounds, free places. Pure; knows no document and no xyflow.

export type Point = [x: number, y: number];

export interface Box {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export type Edge = "left" | "centre" | "right" | "top" | "middle" | "bottom";

/** Distance of the grid that drops and tidy-ups snap to, in flow units. */
export const GRID = 4;

export const snap = (value: number): number => Math.round(value / GRID) * GRID;

/** Returns the smallest box around all, or null of none. */
export function bounds(boxes: readonly Box[]): Omit<Box, "id"> | null {
  if (boxes.length === 0) return null;
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** A small map draws nothing larger than this share of it. */
const LARGEST_SPOT = 0.2;

/** From flow coordinates to those of a small map: first scaled, then shifted by x and y. */
export interface Mapping { x: number; y: number; scale: number }

/** Returns how all boxes fit into the middle of a map of this size, or null of none. A few boxes stay small. */
export function mapOnto(boxes: readonly Box[], width: number, height: number, pad: number): Mapping | null {
  const all = bounds(boxes);
  if (!all) return null;
  const scale = Math.min(LARGEST_SPOT, (width - 2 * pad) / Math.max(1, all.width), (height - 2 * pad) / Math.max(1, all.height));
  return { x: (width - all.width * scale) / 2 - all.x * scale, y: (height - all.height * scale) / 2 - all.y * scale, scale };
}

/** Returns new positions of those boxes that must move so that all share one edge or centre line. */
export function align(boxes: readonly Box[], edge: Edge): Map<string, Point> {
  const frame = bounds(boxes);
  if (!frame) return new Map();
  const place = (box: Box): Point => {
    switch (edge) {
      case "left": return [frame.x, box.y];
      case "centre": return [frame.x + (frame.width - box.width) / 2, box.y];
      case "right": return [frame.x + frame.width - box.width, box.y];
      case "top": return [box.x, frame.y];
      case "middle": return [box.x, frame.y + (frame.height - box.height) / 2];
      case "bottom": return [box.x, frame.y + frame.height - box.height];
    }
  };
  return moved(boxes, place);
}

/** Returns new positions that leave equal gaps between neighbours; the outermost two stay. */
export function distribute(boxes: readonly Box[], axis: "x" | "y"): Map<string, Point> {
  if (boxes.length < 3) return new Map();
  const size = axis === "x" ? "width" : "height";
  const order = [...boxes].sort((a, b) => a[axis] - b[axis] || a.id.localeCompare(b.id));
  const frame = bounds(order);
  if (!frame) return new Map();
  const gap = (frame[size] - order.reduce((sum, box) => sum + box[size], 0)) / (order.length - 1);
  const at = new Map<string, number>();
  let cursor = frame[axis];
  for (const box of order) {
    at.set(box.id, cursor);
    cursor += box[size] + gap;
  }
  return moved(order, (box) => {
    const value = at.get(box.id) ?? box[axis];
    return axis === "x" ? [value, box.y] : [box.x, value];
  });
}

/** Finds a place near `wanted` where a box of this size covers no other, going down in steps; gives up after 40. */
export function freePlace(boxes: readonly Box[], wanted: Point, width: number, height: number): Point {
  let [x, y] = [snap(wanted[0]), snap(wanted[1])];
  for (let step = 0; step < 40; step += 1) {
    const hit = boxes.some((box) => x < box.x + box.width && box.x < x + width && y < box.y + box.height && box.y < y + height);
    if (!hit) break;
    y += 40;
    if (step % 8 === 7) [x, y] = [x + 40, snap(wanted[1])];
  }
  return [x, y];
}

function moved(boxes: readonly Box[], place: (box: Box) => Point): Map<string, Point> {
  const result = new Map<string, Point>();
  for (const box of boxes) {
    const [x, y] = place(box);
    const next: Point = [Math.round(x), Math.round(y)];
    if (next[0] !== box.x || next[1] !== box.y) result.set(box.id, next);
  }
  return result;
}
