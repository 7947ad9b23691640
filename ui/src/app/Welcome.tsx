//! The first run: a name, a colour, where the key is, and what others will see, on one calm page.
import { HardDrive, KeyRound, RadioTower, Users } from "lucide-react";
import { useEffect, useState } from "react";
import type { KeyFacts } from "../backend/types";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { messageOf, type Profile, useEngine } from "../panels/engine";
import { COLOURS, ProfileForm } from "../panels/ProfileForm";
import { text } from "../text";

export function Welcome({ profile, onDone }: { profile: Profile; onDone: (profile: Profile) => void }) {
  const engine = useEngine();
  const [name, setName] = useState(profile.name);
  const [color, setColor] = useState<string>(profile.color || COLOURS[0]);
  const [problem, setProblem] = useState<string | null>(null);
  const [kept, setKept] = useState<KeyFacts["kept"]>("keyring");
  useEffect(() => {
    engine.call("window.key").then((key) => setKept(key.kept), () => undefined);
  }, [engine]);
  const t = text.welcome;
  const facts = [[HardDrive, t.work], [KeyRound, t.key[kept]], [Users, t.people], [RadioTower, t.relay]] as const;
  const start = () => engine.call("profile.set", { name: name.trim(), color }).then(onDone, (error: unknown) => setProblem(messageOf(error)));
  return (
    <main className="welcome" data-testid="welcome">
      <form className="welcome__card" onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) void start();
      }}>
        <div className="stack-s"><h1>{t.title}</h1><p className="muted">{t.text}</p></div>
        <ProfileForm name={name} color={color} onName={setName} onColor={setColor} />
        {problem && <Callout tone="danger">{problem}</Callout>}
        <Button type="submit" kind="primary" size="large" disabled={!name.trim()} data-testid="welcome-start">{t.start}</Button>
        <ul className="welcome__facts">
          {facts.map(([Icon, fact]) => <li key={fact}><Icon size={16} aria-hidden="true" /><span>{fact}</span></li>)}
        </ul>
      </form>
    </main>
  );
}
