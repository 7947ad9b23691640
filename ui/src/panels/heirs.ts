//! Who could take over a workspace whose last owner leaves. Pure.
import type { Member } from "./engine";

/** Null when nobody has to: somebody else is an owner, or nobody else is there. A recovery key is an owner that never
 * opens a door by itself: it does not count. Editors come first. */
export function heirsOf(members: readonly Member[]): Member[] | null {
  const others = members.filter((one) => !one.you && !one.recovery);
  if (others.length === 0 || others.some((one) => one.role === "owner")) return null;
  return [...others].sort((a, b) => Number(a.role === "viewer") - Number(b.role === "viewer"));
}
