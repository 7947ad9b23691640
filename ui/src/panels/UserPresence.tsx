//! Who is here: avatars, dimmed when idle or away, +N beyond the limit. A click follows a person's view.
import { Avatar } from "../components/Avatar";
import { Tip } from "../components/Tip";
import type { Presence } from "../graph/model/PresenceStore";
import { useRoster } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";
import type { Member, Peer } from "./engine";

const MAX_SHOWN = 5;

export function UserPresence({ members, peers }: { members: readonly Member[]; peers: readonly Peer[] }) {
  const people = useRoster();
  const following = useCanvas((state) => state.following);
  const shown = people.length > MAX_SHOWN ? people.slice(0, MAX_SHOWN - 1) : people;
  const rest = people.slice(shown.length);
  if (people.length === 0) return null;
  return (
    <ul className="presence" aria-label={text.presence.title} data-testid="presence">
      {shown.map((one) => (
        <li key={one.device}>
          <Tip label={<Who person={one} role={members.find((member) => member.device === one.device)?.role} peer={peers.find((peer) => peer.device === one.device)} />}>
            <button type="button" aria-pressed={following === one.device} aria-label={text.presence.follow(one.name)} data-testid="presence-avatar" data-device={one.device} data-name={one.name} onClick={() => useCanvas.getState().set({ following: following === one.device ? null : one.device })}>
              <Avatar name={one.name} color={one.color} status={one.status} />
            </button>
          </Tip>
        </li>
      ))}
      {rest.length > 0 && (
        <li>
          <Tip label={rest.map((one) => one.name).join(", ")}><button type="button" data-testid="presence-more" aria-label={text.presence.more(rest.length)}><span className="avatar avatar--more">+{rest.length}</span></button></Tip>
        </li>
      )}
    </ul>
  );
}

function Who({ person, role, peer }: { person: Presence; role: Member["role"] | undefined; peer: Peer | undefined }) {
  const facts = [role ? text.roles[role] : "", text.statuses[person.status], peer ? (text.paths[peer.path as keyof typeof text.paths] ?? peer.path) : "", typeof peer?.latency_ms === "number" ? `${Math.round(peer.latency_ms)} ms` : ""];
  return (
    <span>
      {person.name}
      <span className="tooltip__sub">{facts.filter(Boolean).join(" · ")}</span>
    </span>
  );
}
