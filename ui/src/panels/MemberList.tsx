//! The members of a workspace with role and last sign of life.
import { useState } from "react";
import { Avatar } from "../components/Avatar";
import { Callout } from "../components/Callout";
import { Select } from "../components/Select";
import { text } from "../text";
import { ConfirmDialog } from "./ConfirmDialog";
import { type Member, messageOf, type Role, useEngine, useQuery } from "./engine";
import { sayTime } from "./time";

const ROLES: readonly Role[] = ["owner", "editor", "viewer"];

export function MemberList({ workspace, manage }: { workspace: string; manage: boolean }) {
  const [problem, setProblem] = useState<string | null>(null);
  const { data, error, reload } = useQuery("workspace.members", { workspace }, ["user_joined", "user_left", "presence_list", "workspaces_changed"]);
  if (error) return <Callout tone="danger">{error}</Callout>;
  return (
    <>
      {problem && <Callout tone="danger">{problem}</Callout>}
      <ul className="list" data-testid="member-list">
      {data?.members.map((one) => (
        <li key={one.device} className="list__item" data-testid="member" data-device={one.device}>
          <Avatar name={one.name} color={one.color} status={one.you ? "online" : (one.status ?? "away")} />
          <div className="list__main">
            <span className="truncate">{one.name}{one.you && <span className="muted"> {text.share.you}</span>}</span>
            <small>{one.recovery ? text.recovery.memberHint : signsOfLife(one)}</small>
          </div>
          {manage && !one.you
            ? <MemberRole workspace={workspace} member={one} onChanged={reload} onFail={setProblem} />
            : <span className={one.role === "owner" ? "badge badge--accent" : "badge"}>{text.roles[one.role] ?? one.role}</span>}
        </li>
      ))}
      </ul>
    </>
  );
}

/** When somebody was there last, and with how many devices they are. */
function signsOfLife(one: Member): string {
  const t = text.share;
  const seen = one.you || one.status === "online" ? text.statuses.online : one.last_seen ? t.lastSeen(sayTime(one.last_seen, Date.now())) : t.neverSeen;
  const devices = one.devices?.length ?? 1;
  return devices > 1 ? `${seen} · ${t.deviceCount(devices)}` : seen;
}

type Choice = Role | "remove";

/** What an owner may do with another member: another role, or none. Removal says what it cannot do, and asks. */
function MemberRole({ workspace, member, onChanged, onFail }: { workspace: string; member: Member; onChanged: () => void; onFail: (problem: string) => void }) {
  const engine = useEngine();
  const [asking, setAsking] = useState(false);
  const t = text.share;
  const change = (choice: Choice) => {
    if (choice === "remove") return setAsking(true);
    engine.call("member.role", { workspace, member: member.device, role: choice }).then(onChanged, (error: unknown) => onFail(messageOf(error)));
    return undefined;
  };
  const remove = () => engine.call("member.remove", { workspace, member: member.device });
  return (
    <>
      <span className="member__role">
        <Select value={member.role} aria-label={t.roleOf(member.name)} data-testid="member-role" options={[...ROLES.map((role) => ({ value: role, label: text.roles[role] })), { value: "remove", label: t.remove }]} onChange={(value) => change(value as Choice)} />
      </span>
      {asking && <ConfirmDialog title={t.removeTitle(member.name)} message={t.removeText} action={t.remove} onConfirm={() => remove().then(onChanged)} onClose={() => setAsking(false)} />}
    </>
  );
}
