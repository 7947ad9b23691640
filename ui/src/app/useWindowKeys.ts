//! Keys that work anywhere in the window: save a version, the shortcut sheet.
import { useEffect, useRef } from "react";

export function useWindowKeys(actions: { saveVersion: () => void; shortcuts: () => void }) {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, [contenteditable='true']");
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        latest.current.saveVersion();
      } else if (event.key === "?" && !typing) latest.current.shortcuts();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
