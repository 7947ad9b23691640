//! The members of a workspace with role and last sign of life.
import { Avatar } from "../components/Avatar";
import { Callout } from "../components/Callout";
import { text } from "../text";
import { type Member, useQuery } from "./engine";
import { sayTime } from "./time";

export function MemberList({ workspace }: { workspace: string }) {
  const { data, error } = useQuery<{ members: Member[] }>("workspace.members", { workspace }, ["user_joined", "user_left", "presence_list", "workspaces_changed"]);
  if (error) return <Callout tone="danger">{error}</Callout>;
  return (
    <ul className="list" data-testid="member-list">
      {data?.members.map((one) => (
        <li key={one.device} className="list__item" data-testid="member" data-device={one.device}>
          <Avatar name={one.name} color={one.color} status={one.you ? "online" : (one.status ?? "away")} />
          <div className="list__main">
            <span className="truncate">{one.name}{one.you && <span className="muted"> {text.share.you}</span>}</span>
            <small>{one.you || one.status === "online" ? text.statuses.online : one.last_seen ? text.share.lastSeen(sayTime(one.last_seen, Date.now())) : text.share.neverSeen}</small>
          </div>
          <span className={one.role === "owner" ? "badge badge--accent" : "badge"}>{text.roles[one.role] ?? one.role}</span>
        </li>
      ))}
    </ul>
  );
}
