//! Invites one person: the message to send, how they can reach us, who is in, and which links are open.
import { Check, ChevronDown, ChevronRight, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Segmented } from "../components/Segmented";
import { Select } from "../components/Select";
import { text } from "../text";
import { type Invite, messageOf, type NetworkStatus, type Role, useEngine, useQuery } from "./engine";
import { MemberList } from "./MemberList";
import { reachOf } from "./reach";
import { sayTime } from "./time";

interface ShareDialogProps { workspace: string; name: string; me: string; mayInvite: boolean; onClose: () => void }

export function ShareDialog({ workspace, name, me, mayInvite, onClose }: ShareDialogProps) {
  const invites = useQuery<{ invites: Invite[] }>("invite.list", mayInvite ? { workspace } : null, ["user_joined", "workspaces_changed"]);
  const t = text.share;
  return (
    <Dialog open onClose={onClose} title={t.title(name)} width={520} closeLabel={text.close} testId="share-dialog">
      {mayInvite ? <InviteForm workspace={workspace} name={name} me={me} onMade={invites.reload} /> : <Callout>{t.ownerOnly}</Callout>}
      <section>
        <h3>{t.members}</h3>
        <MemberList workspace={workspace} manage={mayInvite} />
      </section>
      <OpenLinks workspace={workspace} invites={invites.data?.invites ?? []} onChange={invites.reload} />
    </Dialog>
  );
}

function InviteForm({ workspace, name, me, onMade }: { workspace: string; name: string; me: string; onMade: () => void }) {
  const engine = useEngine();
  const [role, setRole] = useState<Role>("editor");
  const [uses, setUses] = useState("1");
  const [expires, setExpires] = useState<"1d" | "7d" | "30d">("7d");
  const [more, setMore] = useState(false);
  const [made, setMade] = useState<{ link: string; expires: string; role: Role; uses: number } | null>(null);
  const [copied, setCopied] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const network = useQuery<NetworkStatus>("network.status", {}, ["sync_state"]);
  const t = text.share;
  const create = async () => {
    setProblem(null);
    setCopied(false);
    try {
      const answer = await engine.call<{ link: string; expires: string; role: Role }>("invite.create", { workspace, role, uses: Number(uses), expires });
      setMade({ ...answer, uses: Number(uses) });
      onMade();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const message = made ? t.message(me, name, text.roles[made.role], made.uses, sayTime(made.expires, Date.now()), made.link) : "";
  const copy = async () => {
    await navigator.clipboard?.writeText(message).catch(() => undefined);
    setCopied(true);
  };
  return (
    <div className="stack">
      <div className="row" style={{ gap: 12 }}>
        <Segmented label={t.role} value={role} testId="invite-role" options={[{ value: "editor", label: text.roles.editor }, { value: "viewer", label: text.roles.viewer }]} onChange={(next: Role) => setRole(next)} />
        <span className="field__hint grow">{t.roleHint(text.roleMeaning[role])}</span>
        <Button kind="primary" data-testid="invite-create" onClick={() => void create()}>{Number(uses) === 1 ? t.create : t.createMany}</Button>
      </div>
      <button type="button" className="disclosure" aria-expanded={more} data-testid="invite-more" onClick={() => setMore(!more)}>{more ? <ChevronDown size={14} /> : <ChevronRight size={14} />}{t.more}</button>
      {more && (
        <div className="row" style={{ gap: 12 }}>
          <div style={{ width: 130 }}><Field label={t.uses}>{(props) => <Select {...props} value={uses} data-testid="invite-uses" options={["1", "5", "20"].map((value) => ({ value, label: t.people(Number(value)) }))} onChange={setUses} />}</Field></div>
          <div style={{ width: 130 }}><Field label={t.expires}>{(props) => <Select {...props} value={expires} data-testid="invite-expires" options={(["1d", "7d", "30d"] as const).map((value) => ({ value, label: t.days[value] }))} onChange={(value) => setExpires(value as "7d")} />}</Field></div>
        </div>
      )}
      {made && (
        <div className="stack-s">
          <textarea className="input message" readOnly rows={7} value={message} aria-label={t.link} data-testid="invite-link" onFocus={(event) => event.currentTarget.select()} />
          <div className="row">
            <span className="field__hint grow" data-testid="invite-reach">{reachOf(network.data)}</span>
            <Button kind={copied ? "plain" : "primary"} onClick={() => void copy()} data-testid="invite-copy">{copied ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}{copied ? t.copied : t.copy}</Button>
          </div>
        </div>
      )}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </div>
  );
}

function OpenLinks({ workspace, invites, onChange }: { workspace: string; invites: readonly Invite[]; onChange: () => void }) {
  const engine = useEngine();
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.share;
  const open = invites.filter((one) => one.state === "open");
  const revoke = (invite: string) => engine.call("invite.revoke", { workspace, invite }).then(onChange, (error: unknown) => setProblem(messageOf(error)));
  if (open.length === 0) return null;
  return (
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
      {problem && <Callout tone="danger">{problem}</Callout>}
    </section>
  );
}
