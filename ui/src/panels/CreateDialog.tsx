//! Asks for the name of a new workspace.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";

export function CreateDialog({ onClose, onCreated }: { onClose: () => void; onCreated: (workspace: string) => void }) {
  const engine = useEngine();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const t = text.create;
  const create = async () => {
    if (!name.trim() || busy) return;
    setBusy(true);
    try {
      const made = await engine.call<{ workspace: string }>("workspace.create", { name: name.trim(), ...(description.trim() ? { description: description.trim() } : {}) });
      onCreated(made.workspace);
    } catch (error) {
      setProblem(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} closeLabel={text.close} testId="create-dialog" onSubmit={() => void create()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!name.trim() || busy} data-testid="workspace-create-confirm">{t.confirm}</Button></>}>
      <Field label={t.name}>{(props) => <input {...props} className="input" autoFocus maxLength={120} value={name} placeholder={t.nameHint} data-testid="workspace-name-input" onChange={(event) => setName(event.target.value)} />}</Field>
      <Field label={t.description}>{(props) => <textarea {...props} className="input" rows={2} maxLength={2000} value={description} onChange={(event) => setDescription(event.target.value)} />}</Field>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
