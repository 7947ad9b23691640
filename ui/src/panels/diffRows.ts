//! A structural difference as lines for people: what was added, removed or changed, from what to what, by whom. Pure.
import { text } from "../text";
import type { Diff, DiffAuthor, FieldChange } from "./engine";

export interface DiffRow { key: string; kind: "added" | "removed" | "changed"; thing: string; title: string; node: string | null; fields: { name: string; before: string; after: string }[]; by: DiffAuthor[] }

/** A value is shown up to this many characters; the document has the rest. */
const MAX_VALUE = 80;
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

function field(change: FieldChange): DiffRow["fields"][number] {
  const [first = "", ...rest] = change.field.split(".");
  const known = text.diff.fields[first as keyof typeof text.diff.fields] ?? first;
  // A place says nothing in numbers: that it moved is the news.
  if (first === "pos") return { name: text.diff.moved, before: "", after: "" };
  return { name: rest.length > 0 && first === "params" ? rest.join(".") : [known, ...rest].join(" "), before: say(change.before), after: say(change.after) };
}

function say(value: unknown): string {
  if (value === undefined || value === null || value === "") return "–";
  const words = typeof value === "string" ? value.replace(/\s+/g, " ") : JSON.stringify(value);
  return words.length > MAX_VALUE ? `${words.slice(0, MAX_VALUE - 1)}…` : words;
}
