//! Whether an edge may be drawn, and why not. Pure. The engine's validation has the last word; this one answers under the hand.
import type { EdgeView } from "./snapshot";

export type Refusal = "itself" | "twice" | "cycle";

export function refusal(edges: Iterable<EdgeView>, ends: { source: string; sourcePort: string; target: string; targetPort: string }): Refusal | null {
  if (ends.source === ends.target) return "itself";
  const next = new Map<string, string[]>();
  for (const edge of edges) {
    if (edge.source === ends.source && edge.target === ends.target && edge.sourcePort === ends.sourcePort && edge.targetPort === ends.targetPort) return "twice";
    next.set(edge.source, [...(next.get(edge.source) ?? []), edge.target]);
  }
  const seen = new Set<string>();
  const open = [ends.target];
  while (open.length > 0) {
    const at = open.pop() as string;
    if (at === ends.source) return "cycle";
    if (seen.has(at)) continue;
    seen.add(at);
    open.push(...(next.get(at) ?? []));
  }
  return null;
}
