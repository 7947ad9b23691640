//! The messages of a document's channel: one kind byte, then a v1 update, a count or JSON. Reading never throws; what is unknown is null.

import type { CommandError, Reset, Shown } from "./generated";

export type OtherState = Shown;

export type Frame =
  | { kind: "state" | "update"; update: Uint8Array }
  | ({ kind: "reset" } & Reset)
  | { kind: "saved"; count: number }
  | ({ kind: "awareness" } & OtherState)
  | ({ kind: "refused" } & CommandError);

const KINDS = ["state", "update", "reset", "saved", "awareness", "refused"] as const;

/** A presence entry above this many bytes is ignored: it is no pointer and no selection. */
const MAX_JSON_BYTES = 256 * 1024;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Strings and numbers as a string; an object may refuse to become one. */
const word = (value: unknown, otherwise = ""): string => (typeof value === "string" || typeof value === "number" ? String(value) : otherwise);

function json(bytes: Uint8Array): Record<string, unknown> | null {
  if (bytes.length > MAX_JSON_BYTES) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Reads one message. A kind of a later engine, or a body that does not fit its kind, gives null. */
export function readFrame(message: Uint8Array): Frame | null {
  const kind = KINDS[message[0] ?? KINDS.length];
  const body = message.subarray(1);
  if (kind === "state" || kind === "update") return { kind, update: body };
  if (kind === "saved") return body.length === 8 ? { kind, count: Number(new DataView(body.buffer, body.byteOffset, 8).getBigUint64(0, true)) } : null;
  const value = kind ? json(body) : null;
  if (!value) return null;
  if (kind === "reset") return Number.isSafeInteger(value.client_id) ? { kind, client_id: value.client_id as number, reason: word(value.reason) } : null;
  if (kind === "refused") return { kind, code: word(value.code, "unknown"), message: word(value.message) };
  const state = value.state ?? null;
  if (typeof value.device !== "string" || (state !== null && !isObject(state))) return null;
  return { kind: "awareness", device: value.device, instance: word(value.instance), state };
}

/** Writes one message, as the engine does. */
export function writeFrame(frame: Frame): Uint8Array {
  const { kind, ...rest } = frame;
  const body = () => {
    if (frame.kind === "state" || frame.kind === "update") return frame.update;
    if (frame.kind !== "saved") return new TextEncoder().encode(JSON.stringify(rest));
    const count = new Uint8Array(8);
    new DataView(count.buffer).setBigUint64(0, BigInt(frame.count), true);
    return count;
  };
  const bytes = body();
  const message = new Uint8Array(1 + bytes.length);
  message[0] = KINDS.indexOf(kind);
  message.set(bytes, 1);
  return message;
}
