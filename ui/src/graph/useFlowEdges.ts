//! The edge array that xyflow draws. Edges whose node is gone stay in the document and out of the picture; the status line counts them.
import { applyEdgeChanges, type Edge, type EdgeChange } from "@xyflow/react";
import { useCallback, useEffect, useState } from "react";
import { removeAll } from "./model/edits";
import type { GraphStore } from "./model/GraphStore";
import { useSession } from "./model/session";

export function useFlowEdges(): { edges: Edge[]; onEdgesChange: (changes: EdgeChange[]) => void } {
  const session = useSession();
  const [edges, setEdges] = useState<Edge[]>(() => derive([], session.graph));
  useEffect(() => {
    const refresh = () => setEdges((previous) => derive(previous, session.graph));
    refresh();
    return session.graph.subscribe(refresh);
  }, [session]);
  const onEdgesChange = useCallback(
    (changes: EdgeChange[]) => {
      const removed = changes.filter((change) => change.type === "remove").map((change) => change.id);
      if (removed.length > 0 && session.writable) removeAll(session.doc, new Set(removed));
      setEdges((previous) => applyEdgeChanges(changes.filter((change) => change.type !== "remove"), previous));
    },
    [session],
  );
  return { edges, onEdgesChange };
}

/** Counts the edges that name a node which is not there. */
export function danglingEdges(graph: GraphStore): number {
  let count = 0;
  for (const edge of graph.edges().values()) if (!graph.node(edge.source) || !graph.node(edge.target)) count += 1;
  return count;
}

function derive(previous: Edge[], graph: GraphStore): Edge[] {
  const old = new Map(previous.map((edge) => [edge.id, edge]));
  const next: Edge[] = [];
  for (const edge of graph.edges().values()) {
    if (!graph.node(edge.source) || !graph.node(edge.target)) continue;
    next.push(old.get(edge.id) ?? { id: edge.id, source: edge.source, target: edge.target, sourceHandle: edge.sourcePort, targetHandle: edge.targetPort });
  }
  return next.length === previous.length && next.every((edge, index) => edge === previous[index]) ? previous : next;
}
