import { describe, expect, it } from "vitest";
import { reachOf } from "./reach";

const relay = (state: string) => ({ addr: "/dns4/relay.lab.example/udp/4717/quic-v1/p2p/12D3", state });

describe("reachOf", () => {
  it("names the relay that makes joining possible from anywhere", () => {
    expect(reachOf({ online: true, relays: [relay("down"), relay("up")] })).toContain("relay.lab.example");
  });
  it("never promises what the network cannot do now", () => {
    const sayings = [reachOf({ online: false, relays: [relay("up")] }), reachOf({ online: true, relays: [] }), reachOf({ online: true, relays: [relay("down")] })];
    expect(new Set(sayings).size).toBe(3);
    for (const said of sayings) expect(said).not.toContain("from anywhere while");
  });
  it("says nothing before it knows", () => {
    expect(reachOf(null)).toBe("");
  });
});
