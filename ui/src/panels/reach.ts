//! Says from where and when somebody with a link can join, from what the network reports. Pure.
import { text } from "../text";
import type { NetworkStatus } from "./engine";

/** The host of a relay's multiaddress, for people. */
export function hostOf(address: string): string {
  return /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)/.exec(address)?.[1] ?? address;
}

export function reachOf(network: NetworkStatus | null): string {
  if (!network) return "";
  if (!network.online) return text.reach.offline;
  const up = network.relays?.find((relay) => relay.state === "up");
  if (up) return text.reach.relay(hostOf(up.addr));
  return network.relays?.length ? text.reach.relayDown(hostOf(network.relays[0]?.addr ?? "")) : text.reach.local;
}
