//! One open workspace as the views see it: document snapshots, presence, undo, permission. Made from any Y.Doc and awareness, whoever syncs them.
import { createContext, useCallback, useContext, useMemo, useSyncExternalStore } from "react";
import * as Y from "yjs";
import { CANVAS } from "./edits";
import { GraphStore } from "./GraphStore";
import { type AwarenessLike, type Presence, PresenceStore } from "./PresenceStore";
import type { EdgeView, NodeView } from "./snapshot";

export interface Session {
  workspace: string;
  doc: Y.Doc;
  graph: GraphStore;
  presence: PresenceStore;
  undo: Y.UndoManager;
  writable: boolean;
}

export const ROOTS = ["meta", "nodes", "edges", "stickies", "groups", "comments", "data", "extra"] as const;

/** Opens the views' side of a document. The caller destroys it with `closeSession` before the document goes. */
export function openSession(workspace: string, doc: Y.Doc, awareness: AwarenessLike, writable: boolean, given?: Y.UndoManager): Session {
  const undo = given ?? new Y.UndoManager(ROOTS.map((name) => doc.getMap(name)), { doc, trackedOrigins: new Set([CANVAS]), captureTimeout: 500 });
  undo.addTrackedOrigin(CANVAS);
  doc.on("beforeTransaction", (transaction: Y.Transaction) => {
    if (transaction.origin === CANVAS) undo.stopCapturing();
  });
  return { workspace, doc, graph: new GraphStore(doc), presence: new PresenceStore(awareness), undo, writable };
}

export function closeSession(session: Session) {
  session.graph.destroy();
  session.presence.destroy();
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("this view needs an open workspace around it");
  return session;
}

/** Subscribes to one snapshot of the graph; re-renders only when the selected object is another one. */
export function useGraph<T>(select: (graph: GraphStore) => T): T {
  const { graph } = useSession();
  return useSyncExternalStore(graph.subscribe, () => select(graph));
}

export const useNode = (id: string): NodeView | undefined => {
  const { graph } = useSession();
  return useSyncExternalStore(graph.subscribe, useCallback(() => graph.node(id), [graph, id]));
};

export const useOthers = (): Presence[] => {
  const { presence } = useSession();
  return useSyncExternalStore(presence.subscribe, presence.others);
};

/** Who is here, without a render for every move of a pointer. */
export const useRoster = (): Presence[] => {
  const { presence } = useSession();
  return useSyncExternalStore(presence.subscribeMarks, presence.roster);
};

export const useAt = (node: string): Presence[] => {
  const { presence } = useSession();
  return useSyncExternalStore(presence.subscribeMarks, useCallback(() => presence.at(node), [presence, node]));
};

export interface Wiring { usedIn: string[]; usedOut: string[] }
const UNWIRED: Wiring = { usedIn: [], usedOut: [] };
const wiringCache = new WeakMap<ReadonlyMap<string, EdgeView>, Map<string, string>>();

/** The port names that a node's edges use; stable while they stay the same. */
export function useWiring(id: string): Wiring {
  const key = useGraph((graph) => wiringOf(graph.edges()).get(id) ?? "");
  return useMemo(() => (key ? (JSON.parse(key) as Wiring) : UNWIRED), [key]);
}

function wiringOf(edges: ReadonlyMap<string, EdgeView>): Map<string, string> {
  const known = wiringCache.get(edges);
  if (known) return known;
  const all = new Map<string, Wiring>();
  const of = (id: string) => {
    const one = all.get(id) ?? { usedIn: [], usedOut: [] };
    all.set(id, one);
    return one;
  };
  for (const edge of edges.values()) {
    const out = of(edge.source).usedOut;
    if (!out.includes(edge.sourcePort)) out.push(edge.sourcePort);
    const into = of(edge.target).usedIn;
    if (!into.includes(edge.targetPort)) into.push(edge.targetPort);
  }
  const printed = new Map([...all].map(([id, one]) => [id, JSON.stringify(one)]));
  wiringCache.set(edges, printed);
  return printed;
}

/** Undo depth as React sees it. */
export function useUndoDepth(): { undo: number; redo: number } {
  const { undo } = useSession();
  const subscribe = useCallback(
    (listener: () => void) => {
      const events = ["stack-item-added", "stack-item-popped", "stack-cleared"] as const;
      for (const event of events) undo.on(event, listener);
      return () => {
        for (const event of events) undo.off(event, listener);
      };
    },
    [undo],
  );
  const key = useSyncExternalStore(subscribe, () => `${undo.undoStack.length}/${undo.redoStack.length}`);
  const [back = 0, forth = 0] = key.split("/").map(Number);
  return { undo: back, redo: forth };
}
