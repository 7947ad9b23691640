//! Joins by a pasted link or a whole message that holds one: shows who invites to what as what, before anything happens.
import { useEffect, useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { type Inspected, messageOf, useEngine } from "./engine";
import { findLink } from "./link";
import { sayTime } from "./time";

type Stage = { kind: "asking" } | { kind: "joining" } | { kind: "pending"; workspace: string };

export function JoinDialog({ initial = "", onClose, onJoined }: { initial?: string; onClose: () => void; onJoined: (workspace: string) => void }) {
  const engine = useEngine();
  const [pasted, setPasted] = useState(initial);
  const [found, setFound] = useState<Inspected | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [stage, setStage] = useState<Stage>({ kind: "asking" });
  const link = findLink(pasted);
  const t = text.join;

  useEffect(() => {
    setFound(null);
    setProblem(null);
    if (!link) return;
    let current = true;
    engine.call<Inspected>("invite.inspect", { link }).then(
      (answer) => current && setFound(answer),
      (error: unknown) => current && setProblem(messageOf(error)),
    );
    return () => {
      current = false;
    };
  }, [engine, link]);

  const waiting = stage.kind === "pending" ? stage.workspace : null;
  useEffect(() => (waiting === null ? undefined : engine.listen((event) => event.event === "joined" && event.workspace === waiting && onJoined(waiting))), [engine, waiting, onJoined]);

  const join = async () => {
    if (!link || !found || found.problem || stage.kind !== "asking") return;
    setStage({ kind: "joining" });
    try {
      const answer = await engine.call<{ workspace: string; status: string }>("join", { link, wait_ms: 5000 });
      if (answer.status === "member") onJoined(answer.workspace);
      else setStage({ kind: "pending", workspace: answer.workspace });
    } catch (error) {
      setProblem(messageOf(error));
      setStage({ kind: "asking" });
    }
  };

  const footer = stage.kind === "pending"
    ? <Button kind="primary" onClick={onClose}>{t.waitInBackground}</Button>
    : <><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!found || Boolean(found.problem) || stage.kind !== "asking"} data-testid="join-confirm">{stage.kind === "joining" ? t.joining : t.confirm}</Button></>;

  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={480} closeLabel={text.close} testId="join-dialog" onSubmit={() => void join()} footer={footer}>
      <Field label={t.link} error={pasted.trim() && !link ? t.noLink : null}>
        {(props) => <textarea {...props} className="input mono" rows={3} autoFocus spellCheck={false} value={pasted} placeholder="omniscope://join#…" data-testid="join-link-input" onChange={(event) => setPasted(event.target.value)} />}
      </Field>
      {found && (
        <dl className="facts" data-testid="join-summary">
          <dt>{t.workspace}</dt><dd><strong>{found.name}</strong></dd>
          <dt>{t.role}</dt><dd>{text.roles[found.role] ?? found.role} <span className="muted">– {text.roleMeaning[found.role]}</span></dd>
          <dt>{t.inviter}</dt><dd>{found.inviter.name} <span className="mono muted">{found.fingerprint ?? found.inviter.device.slice(0, 16)}</span></dd>
          <dt>{t.expires}</dt><dd>{sayTime(found.expires, Date.now())}</dd>
        </dl>
      )}
      {found?.problem && <Callout tone="danger" testId="join-problem">{found.problem.message}</Callout>}
      {problem && <Callout tone="danger" testId="join-problem">{problem}</Callout>}
      {stage.kind === "pending" && <Callout tone="accent" testId="join-pending">{t.pending(found?.inviter.name ?? "")}</Callout>}
    </Dialog>
  );
}
