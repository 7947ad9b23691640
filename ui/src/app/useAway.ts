//! What others changed since this person last looked at the workspace. How far they had seen is kept in this window's storage, as a place in the log of this computer.
import { useEffect, useRef, useState } from "react";
import { type Comparison, useEngine } from "../panels/engine";

export interface Away { since: number; names: string[]; changes: number }

const KEY = "omniscope.seen.";
/** What arrives this soon after opening was done before it: peers are met, and hand over what was missed. */
const ARRIVAL_MS = 20_000;
const QUIET_MS = 500;

export function useAway(workspace: string | null, me: string): { away: Away | null; dismiss: () => void } {
  const engine = useEngine();
  const [away, setAway] = useState<Away | null>(null);
  const shown = useRef(false);
  shown.current = away !== null;
  const seen = useRef<() => void>(() => undefined);
  useEffect(() => {
    setAway(null);
    if (!workspace) return;
    const opened = Date.now();
    const kept = localStorage.getItem(KEY + workspace);
    const since = kept === null ? null : Number(kept);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let live = true;
    const total = () => engine.call("history.list", { workspace, limit: 0 }).then((answer) => answer.total);
    const note = () => void total().then((count) => live && localStorage.setItem(KEY + workspace, String(count)), () => undefined);
    seen.current = note;
    const look = async () => {
      if (since === null || Date.now() - opened > ARRIVAL_MS) return shown.current ? undefined : note();
      if ((await total()) <= since) return undefined;
      const found = othersIn(await engine.call("history.diff", { workspace, from: since }), me);
      if (live && found.changes > 0) setAway({ since, ...found });
      else if (live && !shown.current) note();
      return undefined;
    };
    const later = () => {
      clearTimeout(timer);
      // A history that cannot be read is shown as none: the pipeline itself is open all the same.
      timer = setTimeout(() => void look().catch(() => undefined), QUIET_MS);
    };
    later();
    const stop = engine.listen((event) => event.event === "state_updated" && event.workspace === workspace && later());
    return () => {
      live = false;
      clearTimeout(timer);
      stop();
    };
  }, [engine, workspace, me]);
  const dismiss = () => {
    seen.current();
    setAway(null);
  };
  return { away, dismiss };
}

/** Who else was in a difference, and how many things they touched. */
export function othersIn({ authors }: Comparison, me: string): { names: string[]; changes: number } {
  const others = authors.filter((one) => one.device !== me && one.touched.length > 0);
  return { names: others.map((one) => one.name), changes: new Set(others.flatMap((one) => one.touched)).size };
}
