//! Light, dark or as the system has it, kept in this window's storage and set as one attribute on <html>.
import { useCallback, useEffect, useState } from "react";
import type { ThemeChoice } from "../panels/SettingsDialog";

const KEY = "omniscope.theme";
const DARK = "(prefers-color-scheme: dark)";

export function useTheme(): { choice: ThemeChoice; theme: "light" | "dark"; setChoice: (choice: ThemeChoice) => void } {
  const [choice, setChoice] = useState<ThemeChoice>(() => {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  });
  const [systemDark, setSystemDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const change = () => setSystemDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  const theme = choice === "system" ? (systemDark ? "dark" : "light") : choice;
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const choose = useCallback((next: ThemeChoice) => {
    localStorage.setItem(KEY, next);
    setChoice(next);
  }, []);
  return { choice, theme, setChoice: choose };
}
