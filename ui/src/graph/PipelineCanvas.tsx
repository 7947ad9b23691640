//! The canvas: nodes, edges, cursors, small map, tools. Deliberately absent: edits themselves (model/edits) and anything about networks.
import { Background, BackgroundVariant, type Connection, type Edge, type FinalConnectionState, type Node, ReactFlow, SelectionMode, useReactFlow, useStore } from "@xyflow/react";
import { memo, type MouseEvent, useCallback, useEffect, useMemo, useRef } from "react";
import { toast } from "sonner";
import { throttled } from "../doc/throttle";
import { text } from "../text";
import { CanvasEmpty } from "./CanvasEmpty";
import { CanvasToolbar } from "./CanvasToolbar";
import { CursorDisplay } from "./CursorDisplay";
import { FollowFrame } from "./FollowFrame";
import { FrameCard } from "./FrameCard";
import { connect } from "./model/edits";
import { refusal } from "./model/rules";
import { useGraph, useSession } from "./model/session";
import { useCanvas } from "./model/uiState";
import { NodeCard } from "./NodeCard";
import { Overview } from "./Overview";
import { StepPalette } from "./StepPalette";
import { StickyCard } from "./StickyCard";
import { useActions } from "./useActions";
import { useCanvasKeys } from "./useCanvasKeys";
import { useFlowEdges } from "./useFlowEdges";
import { useFlowNodes } from "./useFlowNodes";
import { useInverseZoom } from "./useInverseZoom";

const NODE_TYPES = { step: NodeCard, sticky: StickyCard, frame: FrameCard };
const POINTER_REPORT_MS = 40;
/** Below the first zoom names are all that can be read, below the second not even those. */
const FAR_BELOW = 0.55;
const MAP_BELOW = 0.22;
/** A pipeline that fits only below this zoom opens at its beginning instead, at a size that can be read. */
const READABLE = 0.3;
/** Above this many nodes only those in view are in the page. */
const VIRTUAL_ABOVE = 150;

export const PipelineCanvas = memo(function PipelineCanvas({ theme }: { theme: "light" | "dark" }) {
  const session = useSession();
  const { doc, graph, presence, writable } = session;
  const flow = useReactFlow();
  const { nodes, onNodesChange, select } = useFlowNodes();
  const { edges, onEdgesChange } = useFlowEdges();
  const actions = useActions(select);
  const selectAll = useCallback(() => select([...graph.nodes().keys(), ...graph.stickies().keys()]), [select, graph]);
  useCanvasKeys(actions, selectAll);
  const goTo = useCanvas((state) => state.goTo);
  useEffect(() => {
    if (!goTo) return;
    useCanvas.getState().set({ goTo: null });
    select(goTo);
    void flow.fitView({ nodes: goTo.map((id) => ({ id })), duration: 250, padding: 0.4, maxZoom: 1 });
  }, [goTo, select, flow]);
  const toSelect = useCanvas((state) => state.toSelect);
  useEffect(() => {
    if (!toSelect) return;
    useCanvas.getState().set({ toSelect: null });
    select(toSelect);
  }, [toSelect, select]);
  const detail = useStore((state) => (state.transform[2] < MAP_BELOW ? "map" : state.transform[2] < FAR_BELOW ? "far" : "near"));
  const pane = useRef<HTMLDivElement>(null);
  useInverseZoom(pane);
  const empty = useGraph((one) => one.nodes().size + one.stickies().size === 0);

  const onConnect = useCallback((ends: Connection) => {
    const full = { source: ends.source, target: ends.target, sourcePort: ends.sourceHandle ?? "out", targetPort: ends.targetHandle ?? "in" };
    const reason = refusal(graph.edges().values(), full);
    if (reason) toast.error(text.refusals[reason]);
    else connect(doc, full);
  }, [doc, graph]);

  const onConnectEnd = useCallback((_: unknown, state: FinalConnectionState) => {
    if (state.toNode && state.fromNode?.id === state.toNode.id) toast.error(text.refusals.itself);
    else if (state.toHandle && state.fromHandle?.type === state.toHandle.type) toast.error(text.refusals.sameSide);
  }, []);

  const onSelectionChange = useCallback(({ nodes: chosen, edges: wires }: { nodes: Node[]; edges: Edge[] }) => {
    useCanvas.getState().set({ nodes: chosen.map((node) => node.id), edges: wires.map((edge) => edge.id) });
    presence.publish("selection", chosen.map((node) => node.id));
  }, [presence]);

  const report = useMemo(() => throttled(POINTER_REPORT_MS, (x: number, y: number) => {
    const at = flow.screenToFlowPosition({ x, y }, { snapToGrid: false });
    presence.publish("pointer", { x: Math.round(at.x), y: Math.round(at.y) });
  }), [flow, presence]);
  const showOwn = useCanvas((state) => state.showOwn);
  useEffect(() => {
    if (showOwn) return;
    report.cancel();
    presence.publish("pointer", null);
  }, [showOwn, report, presence]);
  const onMouseLeave = () => {
    report.cancel();
    presence.publish("pointer", null);
  };
  useEffect(() => () => useCanvas.getState().set({ nodes: [], edges: [], renaming: null, following: null, paletteAt: null, goTo: null, toSelect: null, commands: null }), []);
  const onMoveEnd = useCallback((_: unknown, view: { x: number; y: number; zoom: number }) => {
    const pane = document.querySelector(".canvas")?.getBoundingClientRect();
    if (pane) presence.publish("viewport", { x: Math.round((pane.width / 2 - view.x) / view.zoom), y: Math.round((pane.height / 2 - view.y) / view.zoom), zoom: Number(view.zoom.toFixed(3)) });
  }, [presence]);
  const onDoubleClick = (event: MouseEvent) => {
    if (writable && event.target instanceof Element && event.target.classList.contains("react-flow__pane")) useCanvas.getState().set({ paletteAt: flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }) });
  };
  const openView = useCallback(() => {
    const all = flow.getNodesBounds(flow.getNodes());
    const box = pane.current?.getBoundingClientRect();
    if (!box || all.width === 0) return;
    const zoom = Math.min(1, (box.width * 0.88) / all.width, (box.height * 0.88) / all.height);
    if (zoom >= READABLE) void flow.fitView({ padding: 0.12, maxZoom: 1 });
    else void flow.setViewport({ x: 48 - all.x * 0.5, y: box.height / 2 - (all.y + all.height / 2) * 0.5, zoom: 0.5 });
  }, [flow]);
  // A pipeline that arrives whole, by import or from a peer, is shown whole; a first step lies where it was put.
  const wasEmpty = useRef(false);
  useEffect(() => {
    const arrived = wasEmpty.current && !empty && graph.nodes().size > 1;
    wasEmpty.current = empty;
    if (arrived) requestAnimationFrame(() => requestAnimationFrame(openView));
  }, [empty, graph, openView]);
  const proOptions = useMemo(() => ({ hideAttribution: true }), []);

  return (
    <div className="canvas" ref={pane} data-zoom={detail} data-testid="canvas" onMouseMove={(event) => showOwn && report(event.clientX, event.clientY)} onMouseLeave={onMouseLeave} onDoubleClick={onDoubleClick}>
      <ReactFlow
        nodes={nodes} edges={edges} nodeTypes={NODE_TYPES} colorMode={theme} proOptions={proOptions}
        onNodesChange={onNodesChange} onEdgesChange={onEdgesChange} onConnect={onConnect} onConnectEnd={onConnectEnd}
        onSelectionChange={onSelectionChange} onMoveEnd={onMoveEnd} onMoveStart={(event) => event && useCanvas.getState().set({ following: null })}
        nodesDraggable={writable} nodesConnectable={writable} edgesReconnectable={false} deleteKeyCode={null}
        selectionOnDrag selectionMode={SelectionMode.Partial} panOnDrag={[1, 2]} panOnScroll zoomOnDoubleClick={false} selectNodesOnDrag={false}
        multiSelectionKeyCode={["Shift", "Control", "Meta"]} connectionRadius={24} minZoom={0.04} maxZoom={2.5} snapToGrid snapGrid={[4, 4]}
        onInit={openView} onlyRenderVisibleElements={nodes.length > VIRTUAL_ABOVE} elevateNodesOnSelect={false}
        aria-label={text.canvas.label}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.5} />
        {!empty && <Overview />}
        <CursorDisplay />
        <CanvasToolbar actions={actions} />
      </ReactFlow>
      {empty && <CanvasEmpty />}
      <FollowFrame />
      <StepPalette onPick={actions.addStep} />
    </div>
  );
});
