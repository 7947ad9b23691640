//! Follows a pasted link, or a whole message or file that holds one: shows what it promises before anything happens.
import { FolderOpen } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { type Inspected, messageOf, useEngine } from "./engine";
import { JoinSummary } from "./JoinSummary";
import { findLink, follow } from "./link";

type Stage = { kind: "asking" } | { kind: "joining" } | { kind: "pending"; workspace: string; awaits: boolean };

/** How long a join is waited for before it goes on in the background. */
const WAIT_MS = 5000;
/** A file with a link is a message; of a longer one only the beginning is read. */
const MAX_FILE_BYTES = 64 * 1024;
const AWAITS = "awaits_approval";
const ARRIVING = "arriving";

export function JoinDialog({ initial = "", onClose, onJoined }: { initial?: string; onClose: () => void; onJoined: (workspace: string) => void }) {
  const engine = useEngine();
  const [pasted, setPasted] = useState(initial);
  const [found, setFound] = useState<Inspected | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [stage, setStage] = useState<Stage>({ kind: "asking" });
  const file = useRef<HTMLInputElement>(null);
  const kind = findLink(pasted)?.kind ?? "invitation";
  const link = findLink(pasted)?.link;
  const t = text.join;

  useEffect(() => {
    setFound(null);
    setProblem(null);
    if (!link) return;
    let current = true;
    engine.call("invite.inspect", { link }).then(
      (answer) => current && setFound(answer),
      (error: unknown) => current && setProblem(messageOf(error)),
    );
    return () => {
      current = false;
    };
  }, [engine, link]);

  // Entered is once: as soon as it can be read, often long before its history is there.
  const entered = useRef(false);
  const enter = useCallback((workspace: string) => {
    if (!entered.current) onJoined(workspace);
    entered.current = true;
  }, [onJoined]);
  const waiting = stage.kind === "pending" ? stage.workspace : stage.kind === "joining" ? (found?.workspace ?? null) : null;
  const pending = stage.kind === "pending";
  useEffect(() => (waiting === null ? undefined : engine.listen((event) => {
    if (!("workspace" in event) || event.workspace !== waiting) return;
    if (event.event === "joined" || event.event === "join_pending" && event.code === ARRIVING) return enter(waiting);
    if (!pending) return;
    if (event.event === "join_pending") setStage({ kind: "pending", workspace: waiting, awaits: event.code === AWAITS });
    if (event.event === "join_failed") {
      setProblem(String(event.message));
      setStage({ kind: "asking" });
    }
  })), [engine, waiting, pending, enter]);

  const join = async () => {
    if (!link || !found || found.problem || stage.kind !== "asking") return;
    setProblem(null);
    setStage({ kind: "joining" });
    try {
      const answer = await follow(engine, kind, link, WAIT_MS);
      if (answer.status === "member") enter(answer.workspace);
      else setStage({ kind: "pending", workspace: answer.workspace, awaits: answer.code === AWAITS });
    } catch (error) {
      setProblem(messageOf(error));
      setStage({ kind: "asking" });
    }
  };
  const read = async (chosen: File | undefined) => chosen && setPasted(await chosen.slice(0, MAX_FILE_BYTES).text());

  const footer = stage.kind === "pending"
    ? <Button kind="primary" onClick={onClose}>{t.waitInBackground}</Button>
    : <><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!found || Boolean(found.problem) || stage.kind !== "asking"} data-testid="join-confirm">{stage.kind === "joining" ? t.joining : t.confirm[kind]}</Button></>;

  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={480} closeLabel={text.close} testId="join-dialog" onSubmit={() => void join()} footer={footer}>
      <div className="stack-s">
        <Field label={t.link} error={pasted.trim() && !link ? t.noLink : null}>
          {(props) => <textarea {...props} className="input mono" rows={3} autoFocus spellCheck={false} value={pasted} placeholder="omniscope://…" data-testid="join-link-input" onChange={(event) => setPasted(event.target.value)} />}
        </Field>
        <div>
          <Button kind="quiet" size="small" onClick={() => file.current?.click()}><FolderOpen size={14} aria-hidden="true" />{t.file}</Button>
          <input ref={file} type="file" hidden accept=".txt,text/plain" data-testid="join-file" onChange={(event) => void read(event.target.files?.[0])} />
        </div>
      </div>
      {found && <JoinSummary found={found} followed={stage.kind === "pending"} />}
      {found?.problem && <Callout tone="danger" testId="join-problem">{found.problem.message}</Callout>}
      {problem && <Callout tone="danger" testId="join-problem">{problem}</Callout>}
      {stage.kind === "pending" && <Callout tone="accent" testId="join-pending">{stage.awaits ? t.awaits : t.pending[kind](found?.inviter?.name ?? "")}</Callout>}
    </Dialog>
  );
}
