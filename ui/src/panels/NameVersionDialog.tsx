//! Gives a version that was just saved a name of its own.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";

interface NameVersionDialogProps { workspace: string; version: string; called: string; onClose: () => void }

export function NameVersionDialog({ workspace, version, called, onClose }: NameVersionDialogProps) {
  const engine = useEngine();
  const [name, setName] = useState(called);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.history;
  const save = () => {
    if (name.trim()) engine.call("version.rename", { workspace, version, name: name.trim() }).then(onClose, (cause: unknown) => setProblem(messageOf(cause)));
  };
  return (
    <Dialog open onClose={onClose} title={t.nameVersion} closeLabel={text.close} testId="name-version-dialog" onSubmit={save} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!name.trim()} data-testid="version-rename-confirm">{t.rename}</Button></>}>
      <Field label={t.versionName}>{(props) => <input {...props} className="input" autoFocus maxLength={120} value={name} data-testid="version-rename-name" onFocus={(event) => event.currentTarget.select()} onChange={(event) => setName(event.target.value)} />}</Field>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
