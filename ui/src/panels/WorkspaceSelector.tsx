//! The list of workspaces on this computer, with ways to create and join.
import { Link2, MoreHorizontal, Plus } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "../components/Button";
import { Empty } from "../components/Empty";
import { IconButton } from "../components/IconButton";
import { Menu } from "../components/Menu";
import { text } from "../text";
import type { Summary } from "./engine";
import { sayTime } from "./time";

interface WorkspaceSelectorProps {
  workspaces: readonly Summary[] | null;
  active: string | null;
  onOpen: (workspace: string) => void;
  onCreate: () => void;
  onJoin: () => void;
  onLeave: (workspace: Summary) => void;
  onDelete: (workspace: Summary) => void;
}

export function WorkspaceSelector({ workspaces, active, onOpen, onCreate, onJoin, onLeave, onDelete }: WorkspaceSelectorProps) {
  const now = useMinute();
  const t = text.workspaces;
  return (
    <>
      <div className="sidebar__section">
        <h2 className="grow">{t.title}</h2>
        <IconButton label={t.create} size="small" data-testid="workspace-create" onClick={onCreate}><Plus size={16} /></IconButton>
      </div>
      <ul className="sidebar__list" aria-label={t.title}>
        {workspaces?.length === 0 && <li><Empty title={t.none} text={t.noneText} /></li>}
        {workspaces?.map((one) => (
          <li key={one.workspace} className="workspace" data-active={one.workspace === active}>
            <button type="button" className="workspace__open" aria-current={one.workspace === active ? "true" : undefined} data-testid="workspace-item" data-workspace={one.workspace} onClick={() => onOpen(one.workspace)}>
              <span className="workspace__name row"><span className="truncate">{one.name || t.unnamed}</span>{one.status === "member" && one.online > 1 && <span className="dot dot--ok" title={t.online(one.online)} />}</span>
              <span className="workspace__meta truncate">
                {one.status === "pending" ? t.pending : one.status === "removed" ? t.removed : (
                  <>
                    <span>{text.roles[one.role] ?? one.role}</span>
                    <span className="workspace__sep" />
                    <span title={t.online(one.online)}>{t.members(one.members)}</span>
                    {one.updated && <><span className="workspace__sep" /><span className="truncate">{sayTime(one.updated, now)}</span></>}
                  </>
                )}
              </span>
            </button>
            <Menu
              trigger={<Button kind="quiet" size="small" icon className="workspace__more" aria-label={t.more(one.name)}><MoreHorizontal size={16} /></Button>}
              entries={[
                { label: t.leave, disabled: one.status !== "member", onSelect: () => onLeave(one) },
                { label: t.delete, danger: true, testId: "workspace-delete", onSelect: () => onDelete(one) },
              ]}
            />
          </li>
        ))}
      </ul>
      <div style={{ padding: 8 }}>
        <Button kind="quiet" style={{ width: "100%", justifyContent: "flex-start" }} data-testid="join-open" onClick={onJoin}><Link2 size={16} aria-hidden="true" />{t.join}</Button>
      </div>
    </>
  );
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
