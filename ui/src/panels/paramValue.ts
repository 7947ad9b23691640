//! Parameter values as people type them: kinds, display text, parsing with an error sentence. Pure.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type ParamKind = "text" | "number" | "switch" | "list" | "json";

export const PARAM_KINDS: readonly ParamKind[] = ["text", "number", "switch", "list", "json"];

export type Parsed = { ok: true; value: Json } | { ok: false; problem: "number" | "json" };

/** Names the field that shows this value. A list is an array of plain texts and numbers; everything else nested is JSON. */
export function kindOf(value: unknown): ParamKind {
  if (typeof value === "string") return "text";
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "switch";
  if (Array.isArray(value) && value.every((item) => typeof item === "number" || (typeof item === "string" && !/[,\n]/.test(item) && item === item.trim() && item !== ""))) return "list";
  return "json";
}

/** Prints a value as the text of its field; parsing the text under the same kind gives the value back. */
export function printValue(value: unknown, kind: ParamKind): string {
  if (kind === "list" && Array.isArray(value)) return value.map((item) => (typeof item === "string" && isNumeric(item) ? JSON.stringify(item) : String(item))).join(", ");
  if (kind === "text" && typeof value === "string") return value;
  if (kind === "json") return JSON.stringify(value ?? null, null, 2);
  return String(value ?? "");
}

/** Parses what was typed. Numbers must be finite; list items that look like numbers become numbers unless quoted. */
export function parseValue(text: string, kind: ParamKind): Parsed {
  switch (kind) {
    case "text": return { ok: true, value: text };
    case "switch": return { ok: true, value: text === "true" };
    case "number": return isNumeric(text) ? { ok: true, value: Number(text) } : { ok: false, problem: "number" };
    case "list": return { ok: true, value: text.split(/[,\n]/).map((item) => item.trim()).filter(Boolean).map(listItem) };
    case "json":
      try {
        return { ok: true, value: JSON.parse(text) as Json };
      } catch {
        return { ok: false, problem: "json" };
      }
  }
}

/** The value a fresh parameter of this kind starts with. */
export function blankValue(kind: ParamKind): Json {
  return { text: "", number: 0, switch: false, list: [], json: {} }[kind];
}

function isNumeric(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

function listItem(item: string): Json {
  if (isNumeric(item)) return Number(item);
  const quoted = /^"(.*)"$/.exec(item);
  return quoted && isNumeric(quoted[1] ?? "") ? (quoted[1] ?? "") : item;
}
