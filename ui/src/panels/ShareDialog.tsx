//! Invites one person: the message to send, how they can reach us, who is in, and which links are open.
import { KeyRound, Laptop } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { text } from "../text";
import { type Invite, type Member, messageOf, useEngine, useQuery } from "./engine";
import { InviteForm } from "./InviteForm";
import { JoinRequests } from "./JoinRequests";
import { MemberList } from "./MemberList";
import { RequestList } from "./RequestList";
import { sayTime } from "./time";

const NOBODY: Member[] = [];

interface ShareDialogProps { workspace: string; name: string; me: string; mayInvite: boolean; closed: boolean; onDialog: (name: "devices" | "recovery") => void; onClose: () => void }

export function ShareDialog({ workspace, name, me, mayInvite, closed, onDialog, onClose }: ShareDialogProps) {
  const invites = useQuery("invite.list", mayInvite ? { workspace } : null, ["user_joined", "workspaces_changed"]);
  const members = useQuery("workspace.members", mayInvite ? { workspace } : null, ["workspaces_changed", "user_joined"]);
  const asking = useQuery("invite.requests", mayInvite ? { workspace } : null, ["join_requested", "workspaces_changed"]);
  const t = text.share;
  return (
    <Dialog open onClose={onClose} title={t.title(name)} width={560} closeLabel={text.close} testId="share-dialog">
      <JoinRequests workspace={workspace} requests={asking.data?.requests ?? []} onAnswered={() => {
        asking.reload();
        members.reload();
      }} />
      {mayInvite && <RequestList workspace={workspace} members={members.data?.members ?? NOBODY} />}
      {mayInvite ? <InviteForm workspace={workspace} name={name} me={me} onMade={invites.reload} /> : <Callout>{closed ? t.closed : t.ownerOnly}</Callout>}
      <section>
        <h3>{t.members}</h3>
        <MemberList workspace={workspace} manage={mayInvite} />
        <div className="row share__more">
          <Button kind="quiet" size="small" data-testid="share-devices" onClick={() => onDialog("devices")}><Laptop size={14} aria-hidden="true" />{t.myDevices}</Button>
          {mayInvite && <Button kind="quiet" size="small" data-testid="share-recovery" onClick={() => onDialog("recovery")}><KeyRound size={14} aria-hidden="true" />{text.workspaces.recovery}</Button>}
        </div>
      </section>
      <OpenLinks workspace={workspace} invites={invites.data?.invites ?? []} onChange={invites.reload} />
    </Dialog>
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
            <div className="list__main">{text.roles[one.role]}<small>{one.approve ? t.approving(sayTime(one.expires, Date.now())) : t.linkState(one.used, one.uses, sayTime(one.expires, Date.now()))}</small></div>
            <Button kind="danger-quiet" size="small" data-testid="invite-revoke" onClick={() => void revoke(one.invite)}>{t.revoke}</Button>
          </li>
        ))}
      </ul>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </section>
  );
}
