//! The lines of the history, newest first, with a heading a day.
import { Archive, Bookmark, BookmarkCheck, Laptop, LogIn, LogOut, Link2, PencilLine, ShieldCheck, Sprout } from "lucide-react";
import { Avatar } from "../components/Avatar";
import { text } from "../text";
import type { HistoryEntry, Person } from "./engine";
import { listNames } from "./statusSentence";
import { sayDay, sayHour } from "./time";

const ICONS = { edit: PencilLine, version: Bookmark, renamed: BookmarkCheck, joined: LogIn, left: LogOut, invited: Link2, revoked: Link2, role: ShieldCheck, device_added: Laptop, device_removed: Laptop, closed: Archive, founded: Sprout } as const;
const MAX_FACES = 3;

interface HistoryListProps { entries: readonly HistoryEntry[]; chosen: HistoryEntry | null; since?: number; onChoose: (entry: HistoryEntry) => void }

export function HistoryList({ entries, chosen, since, onChoose }: HistoryListProps) {
  const now = Date.now();
  let day = "";
  return (
    <ol className="timeline" data-testid="history-list">
      {entries.map((entry) => {
        const its = sayDay(entry.last, now);
        const heading = its !== day ? its : null;
        day = its;
        const who = facesOf(entry);
        const Icon = ICONS[entry.kind as keyof typeof ICONS] ?? PencilLine;
        return (
          <li key={`${entry.from}-${entry.kind}`}>
            {heading && <h3 className="timeline__day">{heading}</h3>}
            <button type="button" className="timeline__row" data-testid={entry.kind === "version" ? "version-item" : "history-item"} data-kind={entry.kind} data-new={since !== undefined && entry.to > since} aria-pressed={chosen?.from === entry.from && chosen.kind === entry.kind} onClick={() => onChoose(entry)}>
              <Icon size={14} aria-hidden="true" />
              <span className="grow">
                <span className="timeline__what truncate">{sayEntry(entry)}</span>
                <small className="truncate">{[sayWhose(entry), sayHour(entry.last)].filter(Boolean).join(" · ")}</small>
              </span>
              <span className="timeline__faces">{who.slice(0, MAX_FACES).map((one) => <Avatar key={one.device} small name={one.name} color={one.color} />)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}

/** Whoever the line is about: who joined, else those whose hands were in it. */
function facesOf(entry: HistoryEntry): Person[] {
  const subject = entry.kind === "joined" ? entry.details?.subject : undefined;
  return subject ? [subject] : entry.authors;
}

/** Who let somebody in is a computer's doing; whose link it was, a person's. */
function sayWhose(entry: HistoryEntry): string {
  const inviter = entry.kind === "joined" ? entry.details?.inviter : undefined;
  return inviter ? text.history.kinds.link(inviter.name) : listNames(entry.authors.map((one) => one.name));
}

function sayEntry(entry: HistoryEntry): string {
  const t = text.history.kinds;
  const details = entry.details ?? {};
  const subject = details.subject?.name ?? "";
  const role = details.role ? (text.roles[details.role as keyof typeof text.roles] ?? details.role) : "";
  switch (entry.kind) {
    case "edit": return t.edit(entry.authors.reduce((sum, one) => sum + one.edits, 0));
    case "version": return details.name ?? "";
    case "renamed": return t.renamed(details.name ?? "");
    case "joined": return t.joined(subject);
    case "left": return t.left;
    case "invited": return t.invited(role);
    case "revoked": return t.revoked;
    case "role": return details.role === "none" ? t.removed(subject) : t.role(subject, role);
    case "device_added": return t.device_added(subject);
    case "device_removed": return t.device_removed(subject);
    case "closed": return t.closed;
    case "founded": return t.founded;
    default: return entry.kind;
  }
}
