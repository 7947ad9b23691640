//! One line a relay, whatever addresses it has; every state has its words.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { UsedRelay, WorkspaceRelay } from "./engine";
import { relayRows } from "./relayRows";

const addr = (host: string, id: string) => `/dns4/${host}/tcp/4717/p2p/${id}`;

test("a relay says whether it keeps the workspace, how fast it is, and what it lacks", () => {
  const [row] = relayRows([{ addr: addr("lab.example", "A"), state: "kept", code: null, behind: 3 }], [{ addr: addr("10.0.0.1", "A"), state: "up", latency_ms: 12.4, problem: null }]);
  expect(row).toEqual({ addr: addr("lab.example", "A"), host: "lab.example", tone: "ok", facts: ["Keeps this workspace", "12 ms", "3 changes behind"], ours: true });
});

test("a refusal is said in words, a lost relay with its last problem, one of another workspace as such", () => {
  const rows = relayRows(
    [{ addr: addr("a", "A"), state: "refused", code: "token_refused", behind: null }, { addr: addr("b", "B"), state: "down", code: null, behind: null }],
    [{ addr: addr("b", "B"), state: "down", latency_ms: null, problem: "it could not be reached" }, { addr: addr("c", "C"), state: "up", latency_ms: 0.2, problem: null }],
  );
  expect(rows.map((row) => row.facts.join(" · "))).toEqual(["Refuses · it asks for a registration token", "Not reached · it could not be reached", "Used by this computer · Connected · <1 ms"]);
  expect(rows.map((row) => row.ours)).toEqual([true, true, false]);
});

test("whatever the engine says, each relay has one line with words", () => {
  const relay = fc.record({ addr: fc.string(), state: fc.string(), code: fc.option(fc.string()), behind: fc.option(fc.nat()), latency_ms: fc.option(fc.double()), problem: fc.option(fc.string()) });
  fc.assert(fc.property(fc.uniqueArray(relay, { selector: (one) => one.addr.slice(one.addr.lastIndexOf("/p2p/") + 1) }), (relays) => {
    // What an engine of another version says may be anything.
    const rows = relayRows(relays as WorkspaceRelay[], relays as UsedRelay[]);
    expect(rows).toHaveLength(relays.length);
    for (const row of rows) expect(row.facts.every((fact) => typeof fact === "string")).toBe(true);
  }));
});
