//! The list of workspaces on this computer, with ways to create and join.
import { Link2, MoreHorizontal, Plus, Users } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { Button } from "../components/Button";
import { Empty } from "../components/Empty";
import { IconButton } from "../components/IconButton";
import { Menu, type MenuEntry } from "../components/Menu";
import { text } from "../text";
import type { Summary } from "./engine";
import { sayTime } from "./time";

/** What can be asked about one workspace as a whole. */
export type WorkspaceAction = "devices" | "recovery" | "rotate" | "leave" | "close" | "delete";

interface WorkspaceSelectorProps {
  workspaces: readonly Summary[] | null;
  active: string | null;
  onOpen: (workspace: string) => void;
  onCreate: () => void;
  onJoin: () => void;
  onDialog: (name: WorkspaceAction, workspace: Summary) => void;
}

export function WorkspaceSelector({ workspaces, active, onOpen, onCreate, onJoin, onDialog }: WorkspaceSelectorProps) {
  const now = useMinute();
  const t = text.workspaces;
  // By name, so that nothing moves under a hand while edits come in.
  const sorted = useMemo(() => workspaces && [...workspaces].sort((a, b) => a.name.localeCompare(b.name) || a.workspace.localeCompare(b.workspace)), [workspaces]);
  return (
    <>
      <div className="sidebar__section">
        <h2 className="grow">{t.title}</h2>
        <IconButton label={t.create} size="small" data-testid="workspace-create" onClick={onCreate}><Plus size={16} /></IconButton>
      </div>
      <ul className="sidebar__list" aria-label={t.title}>
        {sorted?.length === 0 && <li><Empty title={t.none} text={t.noneText} /></li>}
        {sorted?.map((one) => (
          <li key={one.workspace} className="workspace" data-active={one.workspace === active}>
            <button type="button" className="workspace__open" aria-current={one.workspace === active ? "true" : undefined} data-testid="workspace-item" data-workspace={one.workspace} onClick={() => onOpen(one.workspace)}>
              <span className="workspace__name row">
                <span className="truncate">{one.name || t.unnamed}</span>
                {one.status === "member" && one.online > 1 && <span className="dot dot--ok" title={t.online(one.online)} />}
                {one.unread > 0 && one.workspace !== active && <span className="workspace__unread" title={t.unread(one.unread)} data-testid="workspace-unread">{t.unreadCount(one.unread)}</span>}
              </span>
              <span className="workspace__meta truncate">
                {one.status === "arriving" ? t.arriving : one.waits || one.status === "pending" ? (one.waits?.code === "awaits_approval" ? t.awaits : t.pending) : one.status === "removed" ? t.removed : (
                  <>
                    <span>{one.status === "closed" ? t.closed : (text.roles[one.role] ?? one.role)}</span>
                    <span className="workspace__sep" />
                    <span className="workspace__people" title={`${t.members(one.members)}, ${t.online(one.online)}`}><Users size={11} aria-hidden="true" />{one.members}<span className="visually-hidden"> {t.membersWord(one.members)}</span></span>
                    <span className="workspace__sep" />
                    <span title={t.size} data-testid="workspace-size">{text.storage.size(one.bytes)}</span>
                    {one.updated && <><span className="workspace__sep" /><span className="truncate">{sayTime(one.updated, now, "narrow")}</span></>}
                  </>
                )}
              </span>
            </button>
            {one.status !== "pending" && one.status !== "arriving" && <Menu
              trigger={<Button kind="quiet" size="small" icon className="workspace__more" aria-label={t.more(one.name)}><MoreHorizontal size={16} /></Button>}
              entries={entriesOf(one, onDialog)}
            />}
          </li>
        ))}
      </ul>
      <div style={{ padding: 8 }}>
        <Button kind="quiet" style={{ width: "100%", justifyContent: "flex-start" }} data-testid="join-open" onClick={onJoin}><Link2 size={16} aria-hidden="true" />{t.join}</Button>
      </div>
    </>
  );
}

/** What can be done with a workspace as a whole, by its state and one's role. */
function entriesOf(one: Summary, onDialog: WorkspaceSelectorProps["onDialog"]): MenuEntry[] {
  const t = text.workspaces;
  const entry = (name: WorkspaceAction, danger = false): MenuEntry => ({ label: t[name], danger, testId: `workspace-${name}`, onSelect: () => onDialog(name, one) });
  const member = one.status === "member";
  return [
    ...(member ? [entry("devices")] : []),
    ...(member && one.role === "owner" ? [entry("recovery")] : []),
    ...(member && one.role !== "viewer" ? [entry("rotate")] : []),
    ...(member ? [{ kind: "line" } as const, entry("leave")] : []),
    ...(member && one.role === "owner" ? [entry("close", true)] : []),
    entry("delete", true),
  ];
}

/** Re-renders once a minute, so that "5 min ago" stays true. */
function useMinute(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(now, Date.now());
}
