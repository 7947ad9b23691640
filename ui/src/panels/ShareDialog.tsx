//! Invites one person: role, uses, expiry in, a link out; below it who is in and which links are open.
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Segmented } from "../components/Segmented";
import { Select } from "../components/Select";
import { text } from "../text";
import { type Invite, messageOf, type Role, useEngine, useQuery } from "./engine";
import { MemberList } from "./MemberList";
import { sayTime } from "./time";

interface ShareDialogProps { workspace: string; name: string; mayInvite: boolean; onClose: () => void }

export function ShareDialog({ workspace, name, mayInvite, onClose }: ShareDialogProps) {
  const engine = useEngine();
  const [role, setRole] = useState<Role>("editor");
  const [uses, setUses] = useState("1");
  const [expires, setExpires] = useState("7d");
  const [link, setLink] = useState<string | null>(null);
  const [copied, setCopied] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const invites = useQuery<{ invites: Invite[] }>("invite.list", mayInvite ? { workspace } : null);
  const t = text.share;

  const create = async () => {
    setProblem(null);
    setCopied(false);
    try {
      const made = await engine.call<{ link: string }>("invite.create", { workspace, role, uses: Number(uses), expires });
      setLink(made.link);
      invites.reload();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const copy = async () => {
    await navigator.clipboard?.writeText(t.message(name, text.roles[role], link ?? "")).catch(() => undefined);
    setCopied(true);
  };
  const revoke = (invite: string) => engine.call("invite.revoke", { workspace, invite }).then(invites.reload, (error: unknown) => setProblem(messageOf(error)));
  const open = invites.data?.invites.filter((one) => one.state === "open" || one.state === "active") ?? [];

  return (
    <Dialog open onClose={onClose} title={t.title(name)} text={t.text} width={520} closeLabel={text.close} testId="share-dialog">
      {mayInvite ? (
        <>
          <div className="row" style={{ alignItems: "flex-end", gap: 12 }}>
            <Field label={t.role}>{() => <Segmented label={t.role} value={role} testId="invite-role" options={[{ value: "editor", label: text.roles.editor }, { value: "viewer", label: text.roles.viewer }]} onChange={(next: Role) => setRole(next)} />}</Field>
            <div style={{ width: 110 }}><Field label={t.uses}>{(props) => <Select {...props} value={uses} data-testid="invite-uses" options={["1", "5", "20"].map((value) => ({ value, label: t.people(Number(value)) }))} onChange={setUses} />}</Field></div>
            <div style={{ width: 100 }}><Field label={t.expires}>{(props) => <Select {...props} value={expires} data-testid="invite-expires" options={(["1d", "7d", "30d"] as const).map((value) => ({ value, label: t.days[value] }))} onChange={setExpires} />}</Field></div>
            <span className="grow" />
            <Button kind="primary" data-testid="invite-create" onClick={() => void create()}>{t.create}</Button>
          </div>
          <span className="field__hint">{t.roleHint(text.roles[role], text.roleMeaning[role])}</span>
          {link && (
            <div className="stack-s">
              <div className="linkbox">
                <textarea className="input" readOnly value={link} aria-label={t.link} data-testid="invite-link" onFocus={(event) => event.currentTarget.select()} />
                <Button onClick={() => void copy()} data-testid="invite-copy">{copied ? <Check size={14} /> : <Copy size={14} />}{copied ? t.copied : t.copy}</Button>
              </div>
              <span className="field__hint">{t.linkHint}</span>
            </div>
          )}
          {problem && <Callout tone="danger">{problem}</Callout>}
        </>
      ) : (
        <Callout>{t.ownerOnly}</Callout>
      )}
      <section>
        <h3>{t.members}</h3>
        <MemberList workspace={workspace} />
      </section>
      {open.length > 0 && (
        <section>
          <h3>{t.openLinks}</h3>
          <ul className="list" data-testid="invite-list">
            {open.map((one) => (
              <li key={one.invite} className="list__item">
                <div className="list__main">{text.roles[one.role]}<small>{t.linkState(one.used, one.uses, sayTime(one.expires, Date.now()))}</small></div>
                <Button kind="danger-quiet" size="small" data-testid="invite-revoke" onClick={() => void revoke(one.invite)}>{t.revoke}</Button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  );
}
