//! Plain, frozen-by-habit views of what one workspace document holds. Foreign bytes end here: every field is checked, nothing throws.
import * as Y from "yjs";
import { plainOf, recordOf, textOf } from "../../doc/plain";
import type { Point } from "../geometry";

export interface Port { name: string }
export interface Ports { inputs: Port[]; outputs: Port[] }

/** What a step says of the file that it reads. */
export interface FileFacts { name: string; size: number; sha256: string; format: string }

export interface NodeView {
  id: string;
  type: string;
  typeVersion: string;
  label: string;
  pos: Point;
  disabled: boolean;
  params: Record<string, unknown>;
  ports: Ports | null;
  group: string | null;
  hasNotes: boolean;
  file: FileFacts | null;
}

export interface EdgeView { id: string; source: string; sourcePort: string; target: string; targetPort: string; order: string }
export interface StickyView { id: string; pos: Point; size: Point; color: string; text: string }
export interface GroupView { id: string; label: string; color: string }

/** More ports than this on one side are not drawn. */
const MAX_PORTS = 200;

/** A sticky note above this many UTF-16 units is cut in the view. */
const MAX_NOTE = 50_000;

/** Farther than this from the origin, in flow units, nothing is placed. */
const MAX_COORDINATE = 1e6;

/** Reads a pair of finite numbers within a sane range, so that no foreign value can push the canvas to infinity. */
export function pair(value: unknown, otherwise: Point): Point {
  if (!Array.isArray(value) || value.length < 2) return otherwise;
  const [x, y] = (value as unknown[]).slice(0, 2).map((one) => (typeof one === "bigint" ? Number(one) : one));
  const fine = (one: unknown): one is number => typeof one === "number" && Number.isFinite(one) && Math.abs(one) < MAX_COORDINATE;
  return fine(x) && fine(y) ? [x, y] : otherwise;
}

function portList(value: unknown): Port[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_PORTS).flatMap((one: unknown) => {
    const name = one && typeof one === "object" ? (one as { name?: unknown }).name : one;
    return typeof name === "string" ? [{ name: textOf(name) }] : [];
  });
}

export function readPorts(value: unknown): Ports | null {
  if (!value || typeof value !== "object") return null;
  const { inputs, outputs } = value as { inputs?: unknown; outputs?: unknown };
  return { inputs: portList(inputs), outputs: portList(outputs) };
}

function readFile(extra: unknown): FileFacts | null {
  const facts = plainOf(extra instanceof Y.Map ? extra.get("file") : null);
  if (!facts || typeof facts !== "object" || !textOf((facts as FileFacts).name)) return null;
  const { name, size, sha256, format } = facts as Record<string, unknown>;
  return { name: textOf(name), size: typeof size === "number" && size > 0 ? size : 0, sha256: textOf(sha256, "", 64), format: textOf(format, "", 40) };
}

export function readNode(id: string, map: unknown): NodeView | null {
  if (!(map instanceof Y.Map)) return null;
  const notes = map.get("notes");
  const type = textOf(map.get("type"), "generic");
  return {
    id,
    type,
    typeVersion: textOf(map.get("typeVersion")),
    label: textOf(map.get("label")) || type,
    pos: pair(map.get("pos"), [0, 0]),
    disabled: map.get("disabled") === true,
    params: recordOf(map.get("params")),
    ports: readPorts(map.get("ports")),
    group: textOf(map.get("group")) || null,
    hasNotes: notes instanceof Y.Text && notes.length > 0,
    file: readFile(map.get("extra")),
  };
}

export function readEdge(id: string, map: unknown): EdgeView | null {
  if (!(map instanceof Y.Map)) return null;
  const source = textOf(map.get("source"));
  const target = textOf(map.get("target"));
  if (!source || !target) return null;
  return { id, source, target, sourcePort: textOf(map.get("sourcePort"), "out"), targetPort: textOf(map.get("targetPort"), "in"), order: textOf(map.get("order")) };
}

export function readSticky(id: string, map: unknown): StickyView | null {
  if (!(map instanceof Y.Map)) return null;
  const body = map.get("text");
  return { id, pos: pair(map.get("pos"), [0, 0]), size: pair(map.get("size"), [220, 120]), color: textOf(map.get("color"), "yellow"), text: textOf(plainOf(body), "", MAX_NOTE) };
}

export function readGroup(id: string, map: unknown): GroupView | null {
  if (!(map instanceof Y.Map)) return null;
  return { id, label: textOf(map.get("label")), color: textOf(map.get("color")) };
}
