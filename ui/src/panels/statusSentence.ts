//! The honest status line, from facts the engine reported. Pure: says only what is known, in the order that matters to a person.
import { text } from "../text";
import type { SyncState } from "./engine";
import { sayTime } from "./time";

export interface Status { tone: "ok" | "warn" | "danger"; parts: string[] }

/** At most this many people are named; more would not be read. */
const MAX_NAMED = 3;

/** `alone` says that nobody else is a member yet: then nothing waits for anybody. */
export function statusSentence(sync: SyncState | null, network: boolean, now: number, alone = false): Status {
  const t = text.status;
  const parts: string[] = [];
  if (!sync || sync.saved) parts.push(t.saved);
  else parts.push(t.saving);
  if (!network || sync?.online === false) parts.push(t.offline);
  if (alone) return { tone: sync && !sync.saved ? "warn" : "ok", parts: [...parts, t.onlyYou] };
  if (sync && sync.unsent > 0) parts.push(t.unsent(sync.unsent));
  const peers = sync?.peers ?? [];
  const level = peers.filter((peer) => peer.behind === 0);
  const named = level.slice(0, MAX_NAMED).map((peer) => peer.name);
  if (level.length > MAX_NAMED) named.push(`${level.length - MAX_NAMED} more`);
  if (named.length > 0) parts.push(t.has(listNames(named), level.length === 1));
  for (const peer of peers.filter((one) => one.behind > 0).slice(0, MAX_NAMED)) parts.push(peer.last_heard && now - Date.parse(peer.last_heard) > 60_000 ? t.lastHeard(peer.name, sayTime(peer.last_heard, now)) : t.behind(peer.name, peer.behind));
  if (peers.length === 0 && network && sync?.online !== false) parts.push(t.alone);
  const waiting = !network || sync?.online === false || (sync?.unsent ?? 0) > 0 || sync?.saved === false;
  return { tone: waiting ? "warn" : "ok", parts };
}

export function listNames(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
