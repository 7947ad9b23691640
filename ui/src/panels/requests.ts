//! Who asks for edit rights. Pure. What presence says is a wish of anybody; that they are a viewer here is the log's word.
import type { Presence } from "../graph/model/PresenceStore";
import type { Member } from "./engine";

export function requestsOf(people: readonly Presence[], members: readonly Member[]): Presence[] {
  const viewers = new Set(members.filter((one) => one.role === "viewer" && !one.you).map((one) => one.device));
  return people.filter((one) => one.asks === "editor" && viewers.has(one.device));
}
