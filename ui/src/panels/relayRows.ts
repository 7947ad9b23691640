//! The relays of a workspace and those that this computer uses besides, as lines for people. Pure.
import { text } from "../text";
import type { UsedRelay, WorkspaceRelay } from "./engine";
import { hostOf } from "./reach";

export interface RelayRow { addr: string; host: string; tone: "ok" | "warn" | "danger"; facts: string[]; ours: boolean }

/** What the catalogue has for a code; the code itself where it has nothing. */
const word = (words: Record<string, string>, code: string): string => (Object.hasOwn(words, code) ? (words[code] ?? code) : code);

/** The relay's own id, by which its addresses are one. */
const idOf = (addr: string): string => addr.slice(addr.lastIndexOf("/p2p/") + 1);

/** `ours` are those that were named for the workspace; the others follow. */
export function relayRows(ours: readonly WorkspaceRelay[], used: readonly UsedRelay[]): RelayRow[] {
  const t = text.network;
  const health = new Map(used.map((one) => [idOf(one.addr), one]));
  const latency = (one: UsedRelay | undefined) => (one?.state === "up" && typeof one.latency_ms === "number" ? t.latency(one.latency_ms) : "");
  const rows = ours.map(({ addr, state, code, behind }): RelayRow => {
    const its = health.get(idOf(addr));
    const why = state === "refused" && code ? word(t.refusals, code) : state === "down" ? (its?.problem ?? "") : "";
    const facts = [word(t.states, state), why, latency(its), state === "kept" && behind ? t.behind(behind) : ""];
    return { addr, host: hostOf(addr), tone: state === "kept" ? "ok" : state === "up" ? "warn" : "danger", facts: facts.filter(Boolean), ours: true };
  });
  const named = new Set(ours.map((one) => idOf(one.addr)));
  for (const one of used) {
    if (named.has(idOf(one.addr))) continue;
    const up = one.state === "up";
    rows.push({ addr: one.addr, host: hostOf(one.addr), tone: up ? "ok" : "danger", facts: [t.elsewhere, up ? t.states.up : t.states.down, up ? latency(one) : (one.problem ?? "")].filter(Boolean), ours: false });
  }
  return rows;
}
