//! Whether an own edit stands where it says. Every replica comes to one order of characters only if each was put between neighbours that stood beside each other for
//! its author; undoing a deletion in parts can make Yjs (13.6) name others, and then documents differ for good. The gate refuses such an edit (Rule R27).
//! Deliberately absent: edits of others, which the engine judges.
import * as Y from "yjs";

const holds = (item: Y.Item, id: Y.ID): boolean => item.id.client === id.client && item.id.clock <= id.clock && id.clock < item.id.clock + item.length;

/** Whether a neighbour that an item names stands beside it, but for what the same client put there afterwards; `null` stands for the end of the text. */
function reaches(item: Y.Item, id: Y.ID | null, step: "left" | "right"): boolean {
  let at = item[step];
  while (at && !(id && holds(at, id)) && at.id.client === item.id.client && at.id.clock > item.id.clock) at = at[step];
  return at === null ? id === null : id !== null && holds(at, id);
}

/** Whether all that a transaction's own client wrote was put between neighbours that stood beside each other. Costs a step each, and one for what came between later. */
export function isOrdered({ doc, beforeState }: Y.Transaction): boolean {
  const from = beforeState.get(doc.clientID) ?? 0;
  const structs = doc.store.clients.get(doc.clientID) ?? [];
  for (let at = structs.length - 1; at >= 0; at -= 1) {
    const item = structs[at];
    if (!item || item.id.clock + item.length <= from) return true;
    if (!(item instanceof Y.Item)) continue;
    // What was appended to an older item stands behind that one's end.
    const begins = item.id.clock >= from;
    if (begins && !reaches(item, item.origin, "left")) return false;
    if (!reaches(item, item.rightOrigin, "right")) return false;
  }
  return true;
}
