//! The awareness as an editor of text needs it: it hears only of carets, not of every pointer that moves. Deliberately absent: carets themselves.
import type { AwarenessChanges, AwarenessLike } from "../graph/model/PresenceStore";

type Listener = (changes: AwarenessChanges) => void;

/** Editors dispatch an update for each change that they hear of; of the others' changes only those of name, colour and caret go through. */
export function caretsOf(awareness: AwarenessLike) {
  const seen = new Map<number, string>();
  const heard = new Map<Listener, Listener>();
  const moved = (client: number): boolean => {
    const { cursor, user } = awareness.getStates().get(client) ?? {};
    const now = JSON.stringify([cursor, user]);
    const before = seen.get(client);
    seen.set(client, now);
    return before !== now;
  };
  return {
    doc: { clientID: awareness.clientID },
    getStates: () => awareness.getStates(),
    getLocalState: () => awareness.getLocalState(),
    setLocalStateField: (field: string, value: unknown) => awareness.setLocalStateField(field, value),
    on: (event: "change", listener: Listener) => {
      const fewer: Listener = ({ added, updated, removed }) => {
        for (const client of removed) seen.delete(client);
        const changed = [...added, ...updated].filter(moved);
        if (changed.length + removed.length > 0) listener({ added: [], updated: changed, removed });
      };
      heard.set(listener, fewer);
      awareness.on(event, fewer);
    },
    off: (event: "change", listener: Listener) => {
      const fewer = heard.get(listener);
      if (fewer) awareness.off(event, fewer);
      heard.delete(listener);
    },
  };
}
