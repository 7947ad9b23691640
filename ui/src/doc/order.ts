//! Whether an own edit stands where it says. Every replica comes to one order of a text's characters only if each was put between a left and a right
//! neighbour that stand in this order; undoing a deletion in parts can make Yjs (13.6) name them the other way round, and then documents differ for good.
//! Deliberately absent: edits of others, which the engine judges.
import * as Y from "yjs";

const holds = (item: Y.Item, id: Y.ID): boolean => item.id.client === id.client && item.id.clock <= id.clock && id.clock < item.id.clock + item.length;

function reaches(item: Y.Item, id: Y.ID, step: "left" | "right"): boolean {
  let at = item[step];
  while (at && !holds(at, id)) at = at[step];
  return at !== null;
}

/** Whether all characters that a transaction's own client wrote lie between the neighbours that they name. Costs a step each where these still stand beside them. */
export function isOrdered({ doc, beforeState }: Y.Transaction): boolean {
  const from = beforeState.get(doc.clientID) ?? 0;
  const structs = doc.store.clients.get(doc.clientID) ?? [];
  for (let at = structs.length - 1; at >= 0; at -= 1) {
    const item = structs[at];
    if (!item || item.id.clock + item.length <= from) return true;
    if (!(item instanceof Y.Item) || !(item.content instanceof Y.ContentString) || !item.origin || !item.rightOrigin) continue;
    if (!reaches(item, item.origin, "left") || !reaches(item, item.rightOrigin, "right")) return false;
  }
  return true;
}
