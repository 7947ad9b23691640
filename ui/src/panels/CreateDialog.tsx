//! Asks for the name of a new workspace, and whether the people of another one are invited to it.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Select } from "../components/Select";
import { text } from "../text";
import { messageOf, type Summary, useEngine } from "./engine";
import { InvitedPeople } from "./InvitedPeople";
import { type Invited, inviteSame } from "./inviteSame";

interface CreateDialogProps { me: string; workspaces: readonly Summary[]; onClose: () => void; onCreated: (workspace: string) => void }

export function CreateDialog({ me, workspaces, onClose, onCreated }: CreateDialogProps) {
  const engine = useEngine();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [like, setLike] = useState("");
  const [made, setMade] = useState<{ workspace: string; invited: Invited[] } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const t = text.create;
  const shared = workspaces.filter((one) => one.status === "member" && one.members > 1);
  const create = async () => {
    if (!name.trim() || busy) return;
    setBusy(true);
    try {
      const { workspace } = await engine.call("workspace.create", { name: name.trim(), ...(description.trim() ? { description: description.trim() } : {}) });
      if (!like) return onCreated(workspace);
      const { members } = await engine.call("workspace.members", { workspace: like });
      setMade({ workspace, invited: await inviteSame(engine, workspace, members) });
    } catch (error) {
      setProblem(messageOf(error));
      setBusy(false);
    }
    return undefined;
  };
  if (made) return <InvitedPeople name={name.trim()} me={me} invited={made.invited} onClose={() => onCreated(made.workspace)} />;
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} closeLabel={text.close} testId="create-dialog" onSubmit={() => void create()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!name.trim() || busy} data-testid="workspace-create-confirm">{t.confirm}</Button></>}>
      <Field label={t.name}>{(props) => <input {...props} className="input" autoFocus maxLength={120} value={name} placeholder={t.nameHint} data-testid="workspace-name-input" onChange={(event) => setName(event.target.value)} />}</Field>
      <Field label={t.description}>{(props) => <textarea {...props} className="input" rows={2} maxLength={2000} value={description} onChange={(event) => setDescription(event.target.value)} />}</Field>
      {shared.length > 0 && (
        <Field label={t.people} hint={like ? t.peopleHint : undefined}>
          {(props) => <Select {...props} value={like} data-testid="workspace-people" options={[{ value: "", label: t.nobody }, ...shared.map((one) => ({ value: one.workspace, label: t.sameAs(one.name, one.members - 1) }))]} onChange={setLike} />}
        </Field>
      )}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
