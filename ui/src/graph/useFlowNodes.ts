//! The node array that xyflow draws: document positions, remote drags and the hand's own drag laid over each other, with structural sharing.
import { applyNodeChanges, type Node, type NodeChange } from "@xyflow/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { bounds, type Point } from "./geometry";
import { moveAll, removeAll } from "./model/edits";
import type { GraphStore } from "./model/GraphStore";
import { type Session, useSession } from "./model/session";

/** How long others still see the drag after the drop, so that the edit arrives before the drag ends. */
const DRAG_LINGER_MS = 300;
const DRAG_REPORT_MS = 40;
const FRAME_PAD = 28;
const CARD: Point = [208, 58];

export interface FlowNodes {
  nodes: Node[];
  onNodesChange: (changes: NodeChange[]) => void;
  select: (ids: readonly string[]) => void;
}

export function useFlowNodes(): FlowNodes {
  const session = useSession();
  const [nodes, setNodes] = useState<Node[]>(() => derive([], session));
  const reported = useRef<{ at: number; timer: ReturnType<typeof setTimeout> | undefined }>({ at: 0, timer: undefined });
  useEffect(() => {
    const refresh = () => setNodes((previous) => derive(previous, session));
    refresh();
    let drags = session.presence.dragging();
    const dragged = () => {
      if (drags === session.presence.dragging()) return;
      drags = session.presence.dragging();
      refresh();
    };
    const stops = [session.graph.subscribe(refresh), session.presence.subscribeMarks(dragged)];
    return () => stops.forEach((stop) => stop());
  }, [session]);

  const onNodesChange = useCallback(
    (changes: NodeChange[]) => {
      const removed = changes.filter((change) => change.type === "remove").map((change) => change.id);
      if (removed.length > 0 && session.writable) removeAll(session.doc, new Set(removed));
      const rest = changes.filter((change) => change.type !== "remove" && (session.writable || change.type !== "position"));
      // Frames go around what their members measure.
      const measured = rest.some((change) => change.type === "dimensions");
      setNodes((previous) => (measured ? derive(applyNodeChanges(rest, previous), session) : applyNodeChanges(rest, previous)));
      reportMoves(session, rest, reported.current);
    },
    [session],
  );

  const select = useCallback((ids: readonly string[]) => {
    const wanted = new Set(ids);
    setNodes((previous) => previous.map((node) => (Boolean(node.selected) === wanted.has(node.id) ? node : { ...node, selected: wanted.has(node.id) })));
  }, []);
  return { nodes, onNodesChange, select };
}

function reportMoves(session: Session, changes: NodeChange[], state: { at: number; timer: ReturnType<typeof setTimeout> | undefined }) {
  const moves = changes.flatMap((change) => (change.type === "position" && change.position ? [change] : []));
  if (moves.length === 0) return;
  const positions = new Map<string, Point>(moves.map((move) => [move.id, [move.position?.x ?? 0, move.position?.y ?? 0]]));
  const now = performance.now();
  if (moves.some((move) => move.dragging)) {
    clearTimeout(state.timer);
    if (now - state.at >= DRAG_REPORT_MS) {
      state.at = now;
      session.presence.publish("dragging", Object.fromEntries([...positions].map(([id, [x, y]]) => [id, [Math.round(x), Math.round(y)]])));
    }
    return;
  }
  // A resize moves its box too, but commits at its end by itself.
  if (!moves.every((move) => move.dragging === false)) return;
  moveAll(session.doc, positions);
  clearTimeout(state.timer);
  state.timer = setTimeout(() => session.presence.publish("dragging", null), DRAG_LINGER_MS);
}

function derive(previous: Node[], { graph, presence, writable }: Session): Node[] {
  const old = new Map(previous.map((node) => [node.id, node]));
  const drags = presence.dragging();
  const next: Node[] = frames(graph, old);
  for (const sticky of graph.stickies().values()) next.push(share(old.get(sticky.id), sticky.id, "sticky", drags.get(sticky.id) ?? sticky.pos, writable, sticky.size));
  for (const node of graph.nodes().values()) next.push(share(old.get(node.id), node.id, "step", drags.get(node.id) ?? node.pos, writable));
  return next.length === previous.length && next.every((node, index) => node === previous[index]) ? previous : next;
}

function share(old: Node | undefined, id: string, type: string, pos: Point, writable: boolean, size?: Point): Node {
  if (old?.dragging || old?.resizing) return old;
  const sameSize = !size || (old?.width === size[0] && old?.height === size[1]);
  if (old && old.position.x === pos[0] && old.position.y === pos[1] && sameSize && old.draggable === writable) return old;
  const place = { position: { x: pos[0], y: pos[1] }, draggable: writable, deletable: writable, ...(size ? { width: size[0], height: size[1] } : {}) };
  return old ? { ...old, ...place } : { id, type, data: {}, ...place, zIndex: type === "sticky" ? -1 : 0 };
}

function frames(graph: GraphStore, old: ReadonlyMap<string, Node>): Node[] {
  if (graph.groups().size === 0) return [];
  const members = new Map<string, { id: string; x: number; y: number; width: number; height: number }[]>();
  for (const node of graph.nodes().values()) {
    if (!node.group || !graph.groups().has(node.group)) continue;
    const measured = old.get(node.id)?.measured;
    members.set(node.group, [...(members.get(node.group) ?? []), { id: node.id, x: node.pos[0], y: node.pos[1], width: measured?.width ?? CARD[0], height: measured?.height ?? CARD[1] }]);
  }
  return [...members].flatMap(([id, boxes]) => {
    const frame = bounds(boxes);
    if (!frame) return [];
    const node = share(old.get(id), id, "frame", [frame.x - FRAME_PAD, frame.y - FRAME_PAD - 12], false, [frame.width + 2 * FRAME_PAD, frame.height + 2 * FRAME_PAD + 12]);
    return [node.zIndex === -2 ? node : { ...node, zIndex: -2, selectable: false, focusable: false }];
  });
}
