//! Foreign values made harmless: plain JSON of bounded depth, short strings. Documents and awareness come from other people, whose JSON may hold
//! big integers, objects that refuse to become strings, or nothing that was expected. Nothing here throws.
import * as Y from "yjs";

/** Deeper JSON than this reads as null; people's parameters are flat. */
const MAX_DEPTH = 32;

/** A label, name or key above this many UTF-16 units is cut in the view; the document keeps it whole. */
export const MAX_LABEL = 2_000;

/** Returns the string, or a number as one, cut to `limit`; otherwise `otherwise`. Never calls methods of foreign objects. */
export function textOf(value: unknown, otherwise = "", limit = MAX_LABEL): string {
  if (typeof value === "string") return value.length > limit ? value.slice(0, limit) : value;
  return typeof value === "number" || typeof value === "bigint" ? String(value) : otherwise;
}

/** Returns the value as JSON can hold it: big integers as numbers, what has no JSON as null. */
export function plainOf(value: unknown, depth = 0): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((one) => plainOf(one, depth + 1));
  if (value instanceof Y.Text) return value.toString();
  if (value instanceof Y.Map) return record(value.entries(), depth);
  if (value instanceof Y.AbstractType || ArrayBuffer.isView(value)) return null;
  return record(Object.entries(value), depth);
}

/** Returns an object with own keys only, whatever they are called. */
function record(entries: Iterable<[string, unknown]>, depth: number): Record<string, unknown> {
  return Object.fromEntries(Array.from(entries, ([key, inner]) => [key, plainOf(inner, depth + 1)]));
}

/** Returns the entries of a Y.Map or plain object as JSON; nothing of anything else. */
export function recordOf(value: unknown): Record<string, unknown> {
  const plain = value instanceof Y.Map || (value && typeof value === "object" && !Array.isArray(value)) ? plainOf(value) : null;
  return (plain ?? {}) as Record<string, unknown>;
}
