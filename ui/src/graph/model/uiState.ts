//! What is true of this window alone: selection, what is being renamed, whom the view follows. Never stored in a document.
import { create } from "zustand";

interface CanvasState {
  nodes: readonly string[];
  edges: readonly string[];
  renaming: string | null;
  following: string | null;
  showCursors: boolean;
  /** Whether others see where one's own pointer is. */
  showOwn: boolean;
  paletteAt: { x: number; y: number } | "centre" | null;
  /** What the canvas is asked to select and show; it answers by making this null. */
  goTo: readonly string[] | null;
  /** Nodes that the canvas is to select once it has them. */
  toSelect: readonly string[] | null;
  /** The one menu for everything: `find` looks for steps only. */
  commands: "all" | "find" | null;
  set: (patch: Partial<Omit<CanvasState, "set">>) => void;
}

export const useCanvas = create<CanvasState>((set) => ({
  nodes: [],
  edges: [],
  renaming: null,
  following: null,
  showCursors: true,
  showOwn: true,
  paletteAt: null,
  goTo: null,
  toSelect: null,
  commands: null,
  set: (patch) => set(patch),
}));
