//! Publishes who this is and whether the person is at the window: idle after a minute without input, away after five. Costs nothing while nothing changes.
import { useEffect } from "react";
import type { Session } from "../graph/model/session";
import type { Profile } from "../panels/engine";

const IDLE_MS = 60_000;
const AWAY_MS = 5 * 60_000;

export function useOwnPresence(session: Session | null, profile: Profile | null) {
  useEffect(() => {
    if (!session || !profile) return;
    const { presence } = session;
    presence.publish("user", { name: profile.name, color: profile.color, colorLight: `${profile.color}33`, device: profile.device });
    let timer: ReturnType<typeof setTimeout>;
    const rest = () => {
      presence.publish("status", "idle");
      timer = setTimeout(() => presence.publish("status", "away"), AWAY_MS - IDLE_MS);
    };
    const active = () => {
      clearTimeout(timer);
      timer = setTimeout(rest, IDLE_MS);
      presence.publish("status", "online");
    };
    active();
    const inputs = ["pointermove", "pointerdown", "keydown", "wheel"] as const;
    for (const input of inputs) window.addEventListener(input, active, { passive: true });
    return () => {
      clearTimeout(timer);
      for (const input of inputs) window.removeEventListener(input, active);
    };
  }, [session, profile]);
}
