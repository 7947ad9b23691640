//! In the place of a workspace that one asked to join: what it waits for, and giving it up.
import { Hourglass } from "lucide-react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { messageOf, type Summary, useEngine } from "../panels/engine";
import { text } from "../text";

export function Waiting({ summary, onGivenUp }: { summary: Summary; onGivenUp: () => void }) {
  const engine = useEngine();
  const { workspace, name, waits } = summary;
  const awaits = waits?.code === "awaits_approval";
  const t = text.waiting;
  const giveUp = () => engine.call("workspace.delete", { workspace, confirm: name }).then(onGivenUp, (error: unknown) => toast.error(messageOf(error)));
  return (
    <div className="begin" data-testid="waiting" data-code={waits?.code ?? ""}>
      <Hourglass size={20} className="muted" aria-hidden="true" />
      <h2>{awaits ? t.awaitsTitle(name) : t.title(name)}</h2>
      <p>{awaits ? text.join.awaits : (waits?.message ?? text.workspaces.pending)}</p>
      <p className="muted">{t.tries}</p>
      <div><Button data-testid="waiting-give-up" onClick={() => void giveUp()}>{t.giveUp}</Button></div>
    </div>
  );
}
