//! Keys that work anywhere in the window: save a version, the command menu, find, the shortcut sheet.
import { useEffect, useRef } from "react";
import { useCanvas } from "../graph/model/uiState";

export function useWindowKeys(actions: { saveVersion: () => void; shortcuts: () => void }) {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, [contenteditable='true']");
      const mod = event.ctrlKey || event.metaKey ? event.key.toLowerCase() : "";
      if (mod === "s" || mod === "k" || mod === "f") event.preventDefault();
      if (mod === "s") latest.current.saveVersion();
      else if (mod === "k" || mod === "f") useCanvas.getState().set({ commands: mod === "k" ? "all" : "find" });
      else if (event.key === "?" && !typing) latest.current.shortcuts();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
