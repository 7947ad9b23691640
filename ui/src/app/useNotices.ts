//! Turns engine events into toasts. Joins and leaves within a moment share one toast; somebody back within half a minute is not news.
import { useEffect, useRef } from "react";
import { toast } from "sonner";
import { useEngine } from "../panels/engine";
import { listNames } from "../panels/statusSentence";
import { text } from "../text";
import type { DialogName } from "./dialogs";

const GROUP_MS = 400;
const RECONNECT_MS = 30_000;
/** Whoever turns up so soon after one came oneself may have been there before. */
const ARRIVAL_MS = 5_000;
/** Long enough to read and reach, as it wants an answer. */
const REQUEST_MS = 20_000;

/** `joining` says that a dialog shows what becomes of a join. */
export function useNotices(active: string | null, openJoined: (workspace: string) => void, joining: boolean, show: (name: DialogName) => void) {
  const engine = useEngine();
  const latest = useRef({ joining, show });
  latest.current = { joining, show };
  useEffect(() => {
    const gone = new Map<string, number>();
    const since = Date.now();
    const waiting = { present: new Set<string>(), joined: new Set<string>(), left: new Set<string>() };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      for (const kind of ["present", "joined", "left"] as const) {
        const names = [...waiting[kind]];
        if (names.length > 0) toast(text.toasts[kind](listNames(names), names.length > 1));
        waiting[kind].clear();
      }
    };
    const stop = engine.listen((event) => {
      if (event.event === "notice" && (!event.workspace || event.workspace === active)) toast(String(event.message));
      if (event.event === "join_requested" && event.workspace === active) {
        const role = text.roles[event.role as keyof typeof text.roles] ?? "";
        const name = String(event.name || text.requests.somebody).slice(0, 60);
        const action = { label: text.requests.show, onClick: () => latest.current.show("share") };
        // Told once more when the name is known: then in the place of the first.
        toast(text.requests.joins(name, role), { id: `request-${String(event.device)}`, duration: REQUEST_MS, action });
      }
      if (event.event === "join_failed" && !latest.current.joining) toast.error(String(event.message));
      if (event.event === "joined" && !active && typeof event.workspace === "string") openJoined(event.workspace);
      if ((event.event !== "user_joined" && event.event !== "user_left") || event.workspace !== active) return;
      const user = event.user as { device?: unknown; name?: unknown } | undefined;
      const device = String(user?.device);
      const name = String(user?.name ?? "?").slice(0, 60);
      const left = event.event === "user_left";
      if (!left && Date.now() - (gone.get(device) ?? 0) < RECONNECT_MS) return;
      if (left) gone.set(device, Date.now());
      waiting[left ? "left" : Date.now() - since < ARRIVAL_MS ? "present" : "joined"].add(name);
      timer ??= setTimeout(flush, GROUP_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [engine, active, openJoined]);
}
