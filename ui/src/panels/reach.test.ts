import { describe, expect, it } from "vitest";
import type { NetworkStatus, UsedRelay } from "./engine";
import { reachOf } from "./reach";

const relay = (state: UsedRelay["state"]): UsedRelay => ({ addr: "/dns4/relay.lab.example/udp/4717/quic-v1/p2p/12D3", state, latency_ms: null, problem: null });
const status = (online: boolean, relays: UsedRelay[]): NetworkStatus => ({ online, relays, relay_only: false, listening: [], peers: [] });

describe("reachOf", () => {
  it("names the relay that makes joining possible from anywhere", () => {
    expect(reachOf(status(true, [relay("down"), relay("up")]))).toContain("relay.lab.example");
  });
  it("never promises what the network cannot do now", () => {
    const sayings = [reachOf(status(false, [relay("up")])), reachOf(status(true, [])), reachOf(status(true, [relay("down")]))];
    expect(new Set(sayings).size).toBe(3);
    for (const said of sayings) expect(said).not.toContain("from anywhere while");
  });
  it("says nothing before it knows", () => {
    expect(reachOf(null)).toBe("");
  });
});
