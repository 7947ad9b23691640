//! While the engine opens: nothing for a moment, then what it waits for.
import { useEffect, useState } from "react";
import { text } from "../text";

/** Openings shorter than this need no words. */
const QUIET_MS = 400;
/** Longer than this it is the key store that keeps us waiting, as a rule by a question of its own. */
const LONG_MS = 1_500;

export function Opening() {
  const [stage, setStage] = useState<"quiet" | "opening" | "waiting">("quiet");
  useEffect(() => {
    const timers = [setTimeout(() => setStage("opening"), QUIET_MS), setTimeout(() => setStage("waiting"), LONG_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  if (stage === "quiet") return null;
  return (
    <main className="welcome" data-testid="opening">
      <p className="muted" role="status">{stage === "opening" ? text.opening.soon : text.opening.waiting}</p>
    </main>
  );
}
