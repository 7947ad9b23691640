//! The lines of the history as people read them. Pure.
import type { HistoryEntry } from "./engine";

/** A version that its author named again before anything else was done counts under its last name. Newest first. */
export function named(entries: readonly HistoryEntry[]): HistoryEntry[] {
  const again = (one: HistoryEntry, next: HistoryEntry | undefined) => next?.kind === "version" && one.kind === "version" && one.to === next.from && one.authors[0]?.device === next.authors[0]?.device;
  return entries.filter((one, index) => !again(one, entries[index - 1]));
}
