//! A structural difference as lines for people: what was added, removed or changed, from what to what, by whom. Pure.
import { text } from "../text";
import type { Diff, DiffAuthor, FieldChange } from "./engine";

export interface DiffRow { key: string; kind: "added" | "removed" | "changed"; thing: string; title: string; node: string | null; fields: { name: string; before: string; after: string }[]; by: DiffAuthor[] }

/** A value is shown up to this many characters; the document has the rest. */
const MAX_VALUE = 80;
/** So many characters before a difference are shown with it. */
const LEAD = 24;
const ROOTS = ["nodes", "edges", "stickies", "groups", "comments", "data"] as const;

export function diffRows(diff: Diff, authors: readonly DiffAuthor[]): DiffRow[] {
  const rows: DiffRow[] = [];
  const by = (path: string) => authors.filter((one) => one.touched.includes(path));
  for (const root of ROOTS) {
    const changes = diff[root];
    if (!changes) continue;
    const thing = text.diff.things[root];
    for (const kind of ["added", "removed"] as const) {
      for (const item of changes[kind]) rows.push({ key: `${root}/${item.id}/${kind}`, kind, thing, title: item.title, node: kind === "added" && (root === "nodes" || root === "stickies") ? item.id : null, fields: [], by: by(`${root}/${item.id}`) });
    }
    for (const item of changes.changed) rows.push({ key: `${root}/${item.id}`, kind: "changed", thing, title: item.title, node: root === "nodes" || root === "stickies" ? item.id : null, fields: item.fields.map(field), by: by(`${root}/${item.id}`) });
  }
  for (const change of diff.meta ?? []) rows.push({ key: `meta/${change.field}`, kind: "changed", thing: text.diff.things.meta, title: "", node: null, fields: [field(change)], by: by(`meta/${change.field}`) });
  return rows;
}

/** What people call a field; a place is said as what happens to it. */
export function fieldName(path: string): string {
  const [first = "", ...rest] = path.split(".");
  if (first === "pos") return text.diff.place;
  if (path === "extra.file") return text.diff.fields.file;
  if (path.startsWith("relay/")) return text.diff.fields.relay;
  return rest.length > 0 && first === "params" ? rest.join(".") : [text.diff.fields[first as keyof typeof text.diff.fields] ?? first, ...rest].join(" ");
}

function field(change: FieldChange): DiffRow["fields"][number] {
  const name = fieldName(change.field);
  // A place says nothing in numbers: that it moved is the news.
  if (name === text.diff.place) return { name: text.diff.moved, before: "", after: "" };
  // Of a file its name is the news; size and hash follow from it.
  if (change.field === "extra.file") return { name, before: say(fileName(change.before)), after: say(fileName(change.after)) };
  const [before, after] = [say(change.before), say(change.after)];
  const from = Math.max(before.length, after.length) > MAX_VALUE ? parting(before, after) : 0;
  return { name, before: cut(before, from), after: cut(after, from) };
}

const fileName = (value: unknown): unknown => (value as { name?: unknown } | null | undefined)?.name;

function say(value: unknown): string {
  if (value === undefined || value === null || value === "") return "–";
  return typeof value === "string" ? value.replace(/\s+/g, " ") : JSON.stringify(value);
}

/** Where two long texts are shown from: the word at which they part, with some that lead to it. */
function parting(one: string, other: string): number {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same += 1;
  return one.lastIndexOf(" ", Math.max(0, same - LEAD)) + 1;
}

function cut(words: string, from: number): string {
  const rest = (from > 0 ? "…" : "") + words.slice(from);
  return rest.length > MAX_VALUE ? `${rest.slice(0, MAX_VALUE - 1)}…` : rest;
}
