//! What a person can do to the selection, once for keyboard, toolbar and menus. Every action is one undo step or says why nothing happened.
import { useReactFlow } from "@xyflow/react";
import { useMemo } from "react";
import { toast } from "sonner";
import { text } from "../text";
import { align, type Box, distribute, type Edge, freePlace, type Point, snap } from "./geometry";
import { GENERIC, stepType, type StepType } from "./model/catalogue";
import { addNode, addSticky, moveAll, removeAll, setNodeFact, together } from "./model/edits";
import { copyFragment, pasteFragment } from "./model/fragment";
import { type Session, useSession } from "./model/session";
import { useCanvas } from "./model/uiState";
import { tidy } from "./tidy";

const CARD: Point = [208, 58];

export interface Actions {
  undo: () => void;
  redo: () => void;
  remove: () => void;
  copy: () => Promise<void>;
  cut: () => Promise<void>;
  paste: () => Promise<void>;
  duplicate: () => void;
  tidyUp: () => void;
  align: (edge: Edge) => void;
  distribute: (axis: "x" | "y") => void;
  toggleDisabled: () => void;
  addStep: (step: StepType, at: Point | null) => string;
  addNote: () => void;
  frame: (ids: readonly string[]) => void;
}

const selectOnCanvas = (ids: readonly string[]) => useCanvas.getState().set({ toSelect: ids });

/** `select` marks nodes on the canvas; callers away from the canvas leave that to it. */
export function useActions(select: (ids: readonly string[]) => void = selectOnCanvas): Actions {
  const session = useSession();
  const flow = useReactFlow();
  return useMemo(() => {
    const { doc, graph, undo } = session;
    const guarded = <A extends unknown[]>(work: (...args: A) => void) => (...args: A) => (session.writable ? work(...args) : void toast(text.toasts.viewer));
    const centre = (): Point => {
      const pane = document.querySelector(".canvas")?.getBoundingClientRect();
      const at = flow.screenToFlowPosition({ x: (pane?.left ?? 0) + (pane?.width ?? 800) / 2, y: (pane?.top ?? 0) + (pane?.height ?? 600) / 2 });
      return [at.x, at.y];
    };
    const boxes = (only?: ReadonlySet<string>): Box[] =>
      flow.getNodes().filter((node) => node.type !== "frame" && (!only || only.has(node.id))).map((node) => ({ id: node.id, x: node.position.x, y: node.position.y, width: node.measured?.width ?? node.width ?? CARD[0], height: node.measured?.height ?? node.height ?? CARD[1] }));
    const selected = () => new Set(useCanvas.getState().nodes);
    const pasteText = (content: string, at: Point) => {
      const ids = pasteFragment(doc, content, at);
      if (!ids) return toast(text.toasts.notOurs);
      requestAnimationFrame(() => select(ids));
      return undefined;
    };
    const copy = async () => {
      const content = copyFragment(graph, selected());
      if (content) await writeClipboard(content);
    };
    const back = (which: "undo" | "redo") => {
      const stack = which === "undo" ? undo.undoStack : undo.redoStack;
      if (stack.length === 0) toast(which === "undo" ? text.toasts.noUndo : text.toasts.noRedo);
      else if (!undo[which]()) toast(text.toasts.undoVoid);
    };
    return {
      undo: guarded(() => back("undo")),
      redo: guarded(() => back("redo")),
      remove: guarded(() => {
        const { nodes, edges } = useCanvas.getState();
        if (nodes.length + edges.length > 0) removeAll(doc, new Set([...nodes, ...edges]));
      }),
      copy,
      cut: async () => {
        if (!session.writable) return;
        await copy();
        removeAll(doc, selected());
      },
      paste: async () => {
        if (!session.writable) return void toast(text.toasts.viewer);
        pasteText(await readClipboard(), centre());
      },
      duplicate: guarded(() => {
        const content = copyFragment(graph, selected());
        const corner = boxes(selected());
        if (content) pasteText(content, [Math.min(...corner.map((box) => box.x)) + 32, Math.min(...corner.map((box) => box.y)) + 32]);
      }),
      tidyUp: guarded(() => {
        const chosen = selected();
        const scope = boxes(chosen.size > 1 ? chosen : undefined).filter((box) => graph.nodes().has(box.id));
        const moves = tidy(scope, [...graph.edges().values()]);
        if (moves.size === 0) return void toast(text.toasts.alreadyTidy);
        moveAll(doc, moves);
        if (chosen.size <= 1) requestAnimationFrame(() => void flow.fitView({ duration: 250, padding: 0.12 }));
      }),
      align: guarded((edge: Edge) => moveAll(doc, align(boxes(selected()), edge))),
      distribute: guarded((axis: "x" | "y") => moveAll(doc, distribute(boxes(selected()), axis))),
      toggleDisabled: guarded(() => toggleDisabled(session, selected())),
      addStep: (step, at) => {
        const wanted = at ?? centre();
        const place = freePlace(boxes(), [wanted[0] - CARD[0] / 2, wanted[1] - CARD[1] / 2], CARD[0] + 16, CARD[1] + 16);
        const ports = step.type === GENERIC || !stepType(step.type) ? { inputs: step.inputs, outputs: step.outputs } : null;
        const id = addNode(doc, { type: step.type, label: step.label, pos: place, ports });
        requestAnimationFrame(() => select([id]));
        return id;
      },
      addNote: guarded(() => {
        const at = centre();
        const id = addSticky(doc, freePlace(boxes(), [snap(at[0] - 110), snap(at[1] - 60)], 220, 120));
        requestAnimationFrame(() => select([id]));
      }),
      frame: (ids) => void flow.fitView({ nodes: ids.map((id) => ({ id })), duration: 250, padding: 0.4, maxZoom: 1.2 }),
    };
  }, [session, flow, select]);
}

function toggleDisabled({ doc, graph }: Session, ids: ReadonlySet<string>) {
  const nodes = [...ids].flatMap((id) => graph.node(id) ?? []);
  const disabled = !nodes.every((node) => node.disabled);
  together(doc, () => nodes.forEach((node) => setNodeFact(doc, node.id, "disabled", disabled)));
}

/** The last copy, for windows in which the system clipboard is closed to us. */
let ownClipboard = "";

async function writeClipboard(content: string) {
  ownClipboard = content;
  await navigator.clipboard?.writeText(content).catch(() => undefined);
}

async function readClipboard(): Promise<string> {
  const system = await navigator.clipboard?.readText().catch(() => "");
  return system?.includes('"omniscope"') ? system : ownClipboard || system || "";
}
