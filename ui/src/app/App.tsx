//! The whole window: a failure to start, the first run, or the shell.
import * as Tooltip from "@radix-ui/react-tooltip";
import { ReactFlowProvider } from "@xyflow/react";
import { useCallback, useEffect, useState } from "react";
import { Toaster } from "sonner";
import { BackendError } from "../backend/types";
import { type Profile, useEngine } from "../panels/engine";
import { CannotOpen } from "./CannotOpen";
import { Guard } from "./Guard";
import { Opening } from "./Opening";
import { Shell } from "./Shell";
import { useTheme } from "./useTheme";
import { Welcome } from "./Welcome";

export function App() {
  const engine = useEngine();
  const { choice, theme, setChoice } = useTheme();
  const [profile, setProfile] = useState<Profile | null>(null);
  const [failure, setFailure] = useState<BackendError | null>(null);
  // Each attempt has a screen of its own: nothing of the one before may stay busy on it.
  const [attempt, setAttempt] = useState(0);
  const ask = useCallback(() => {
    setFailure(null);
    setAttempt((before) => before + 1);
    engine.call("profile.show").then(setProfile, (error: unknown) => setFailure(BackendError.from(error)));
  }, [engine]);
  useEffect(ask, [ask]);
  return (
    <Tooltip.Provider delayDuration={400}>
      {failure && <CannotOpen key={attempt} failure={failure} onRetried={ask} />}
      {!failure && !profile && <Opening />}
      {profile && !profile.name.trim() && <Welcome profile={profile} onDone={setProfile} />}
      {profile?.name.trim() && <Guard><ReactFlowProvider><Shell profile={profile} onProfile={setProfile} theme={theme} choice={choice} setChoice={setChoice} /></ReactFlowProvider></Guard>}
      <Toaster theme={theme} position="bottom-center" offset={{ bottom: 88 }} visibleToasts={4} />
    </Tooltip.Provider>
  );
}
