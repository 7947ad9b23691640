//! Asks before something that cannot be taken back. With `typed`, the name must be typed: the second asking.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { messageOf } from "./engine";

interface ConfirmDialogProps { title: string; message: string; action: string; typed?: string; danger?: boolean; onConfirm: () => Promise<unknown>; onClose: () => void }

export function ConfirmDialog({ title, message, action, typed, danger = true, onConfirm, onClose }: ConfirmDialogProps) {
  const [answer, setAnswer] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const ready = !typed || answer === typed;
  const run = () => ready && onConfirm().then(onClose, (error: unknown) => setProblem(messageOf(error)));
  return (
    <Dialog open onClose={onClose} title={title} closeLabel={text.close} testId="confirm-dialog" onSubmit={() => void run()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind={danger ? "danger" : "primary"} disabled={!ready} data-testid="confirm">{action}</Button></>}>
      <p>{message}</p>
      {typed && <Field label={text.confirm.type(typed)}>{(props) => <input {...props} className="input" autoFocus value={answer} data-testid="confirm-name" onChange={(event) => setAnswer(event.target.value)} />}</Field>}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
