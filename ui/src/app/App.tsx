//! The whole window: a failure to start, the first run, or the shell.
import * as Tooltip from "@radix-ui/react-tooltip";
import { ReactFlowProvider } from "@xyflow/react";
import { useEffect, useState } from "react";
import { Toaster } from "sonner";
import { Callout } from "../components/Callout";
import { messageOf, type Profile, useEngine } from "../panels/engine";
import { Shell } from "./Shell";
import { useTheme } from "./useTheme";
import { Welcome } from "./Welcome";

export function App() {
  const engine = useEngine();
  const { choice, theme, setChoice } = useTheme();
  const [profile, setProfile] = useState<Profile | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    engine.call<Profile>("profile.show").then(setProfile, (error: unknown) => setFailure(messageOf(error)));
  }, [engine]);
  return (
    <Tooltip.Provider delayDuration={400}>
      {failure && <main className="welcome"><Callout tone="danger">{failure}</Callout></main>}
      {profile && !profile.name.trim() && <Welcome profile={profile} onDone={setProfile} />}
      {profile?.name.trim() && <ReactFlowProvider><Shell profile={profile} onProfile={setProfile} theme={theme} choice={choice} setChoice={setChoice} /></ReactFlowProvider>}
      <Toaster theme={theme} position="bottom-right" offset={{ bottom: 140, right: 316 }} visibleToasts={4} />
    </Tooltip.Provider>
  );
}
