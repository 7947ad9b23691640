//! Keyboard of the canvas. Keys pressed inside a field, a dialog or the notes editor belong to them.
import { useReactFlow } from "@xyflow/react";
import { useEffect } from "react";
import { useCanvas } from "./model/uiState";
import type { Actions } from "./useActions";

const FIELDS = "input, textarea, select, [contenteditable='true'], [role='dialog'], [role='menu']";

export function useCanvasKeys(actions: Actions, selectAll: () => void) {
  const flow = useReactFlow();
  useEffect(() => {
    const plain: Record<string, () => void> = {
      a: () => useCanvas.getState().set({ paletteAt: "centre" }),
      s: actions.addNote,
      d: actions.toggleDisabled,
      Delete: actions.remove,
      Backspace: actions.remove,
      F2: () => useCanvas.getState().set({ renaming: useCanvas.getState().nodes[0] ?? null }),
      Escape: () => useCanvas.getState().set({ following: null }),
      "+": () => void flow.zoomIn(),
      "=": () => void flow.zoomIn(),
      "-": () => void flow.zoomOut(),
      "0": () => void flow.zoomTo(1, { duration: 150 }),
      "1": () => void flow.fitView({ duration: 200, padding: 0.12 }),
    };
    const withMod: Record<string, () => void> = {
      z: actions.undo,
      y: actions.redo,
      c: () => void actions.copy(),
      x: () => void actions.cut(),
      v: () => void actions.paste(),
      d: actions.duplicate,
      a: selectAll,
    };
    const press = (event: KeyboardEvent) => {
      if (event.target instanceof Element && event.target.closest(FIELDS)) return;
      const mod = event.ctrlKey || event.metaKey;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const pick = mod && event.shiftKey && key === "z" ? actions.redo : event.shiftKey && !mod && key === "t" ? actions.tidyUp : mod ? withMod[key] : event.altKey ? undefined : plain[key];
      // Tab on the bare canvas opens the palette; elsewhere it walks through the controls as everywhere.
      const onPane = event.key === "Tab" && !mod && !event.shiftKey && event.target === document.body;
      if (!pick && !onPane) return;
      event.preventDefault();
      if (pick) pick();
      else useCanvas.getState().set({ paletteAt: "centre" });
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [actions, flow, selectAll]);
}
