//! The bar above canvas and inspector: name, undo, versions, presence, share, network, theme, menu.
import { History, MoreHorizontal, Moon, PanelLeft, PanelRight, Redo2, Sun, Undo2, UserPlus } from "lucide-react";
import { Button } from "../components/Button";
import { EditableText } from "../components/EditableText";
import { IconButton } from "../components/IconButton";
import { Menu } from "../components/Menu";
import { Switch } from "../components/Switch";
import { useRoster, useSession, useUndoDepth } from "../graph/model/session";
import { useActions } from "../graph/useActions";
import { type Summary, type SyncState, useQuery } from "../panels/engine";
import { requestsOf } from "../panels/requests";
import { UserPresence } from "../panels/UserPresence";
import { text } from "../text";
import type { DialogName } from "./dialogs";

interface TopBarProps {
  summary: Summary | null;
  sync: SyncState | null;
  theme: "light" | "dark";
  network: boolean;
  onTheme: () => void;
  onNetwork: (online: boolean) => void;
  onRename: (name: string) => void;
  onDialog: (name: DialogName) => void;
  onSaveVersion: () => void;
  onToggle: (side: "sidebar" | "inspector") => void;
}

export function TopBar({ summary, sync, theme, network, onTheme, onNetwork, onRename, onDialog, onSaveVersion, onToggle }: TopBarProps) {
  const { workspace, writable } = useSession();
  const actions = useActions();
  const depth = useUndoDepth();
  const members = useQuery("workspace.members", { workspace }, ["workspaces_changed", "user_joined"]);
  const people = useRoster();
  const owner = summary?.role === "owner" && summary.status === "member";
  const joining = useQuery("invite.requests", owner ? { workspace } : null, ["join_requested", "workspaces_changed"]);
  const requests = owner ? requestsOf(people, members.data?.members ?? []).length + (joining.data?.requests.length ?? 0) : 0;
  const t = text.top;
  return (
    <header className="topbar">
      <IconButton label={t.sidebar} onClick={() => onToggle("sidebar")}><PanelLeft size={16} /></IconButton>
      <EditableText className="topbar__name" value={summary?.name ?? ""} required disabled={!writable} aria-label={t.name} data-testid="workspace-name" size={Math.min(40, Math.max(6, summary?.name.length ?? 0))} maxLength={120} onCommit={onRename} />
      {summary && <span className="badge" data-testid="own-role">{text.roles[summary.role] ?? summary.role}</span>}
      <span className="topbar__line" />
      <IconButton label={t.undo} keys="Ctrl Z" disabled={!writable || depth.undo === 0} data-testid="undo" onClick={actions.undo}><Undo2 size={16} /></IconButton>
      <IconButton label={t.redo} keys="Ctrl ⇧ Z" disabled={!writable || depth.redo === 0} data-testid="redo" onClick={actions.redo}><Redo2 size={16} /></IconButton>
      <IconButton label={text.history.title} data-testid="versions-open" onClick={() => onDialog("versions")}><History size={16} /></IconButton>
      <span className="grow" />
      <UserPresence members={members.data?.members ?? []} peers={sync?.peers ?? []} />
      <Button kind="primary" data-testid="share-open" onClick={() => onDialog("share")}><UserPlus size={14} aria-hidden="true" />{text.share.button}{requests > 0 && <span className="button__count" title={text.requests.badge(requests)} data-testid="share-requests">{requests}</span>}</Button>
      <span className="topbar__line" />
      <span className="network"><Switch checked={network} aria-label={t.network} data-testid="network-toggle" onChange={onNetwork} />{network ? t.online : t.offline}</span>
      <IconButton label={t.theme} data-testid="theme-toggle" onClick={onTheme}>{theme === "dark" ? <Sun size={16} /> : <Moon size={16} />}</IconButton>
      <Menu
        align="end"
        trigger={<Button kind="quiet" icon aria-label={t.menu} data-testid="top-menu"><MoreHorizontal size={16} /></Button>}
        entries={[
          { label: t.saveVersion, keys: "Ctrl S", disabled: !writable, testId: "menu-save-version", onSelect: onSaveVersion },
          { label: t.versions, onSelect: () => onDialog("versions") },
          { kind: "line" },
          { label: t.import, disabled: !writable, testId: "menu-import", onSelect: () => onDialog("import") },
          { label: t.export, testId: "menu-export", onSelect: () => onDialog("export") },
          { label: t.picture, testId: "menu-picture", onSelect: () => onDialog("picture") },
          { kind: "line" },
          { label: t.shortcuts, keys: "?", onSelect: () => onDialog("shortcuts") },
          { label: t.relays, testId: "menu-network", onSelect: () => onDialog("network") },
          { label: t.storage, testId: "menu-storage", onSelect: () => onDialog("storage") },
          { label: t.settings, testId: "menu-settings", onSelect: () => onDialog("settings") },
        ]}
      />
      <IconButton label={t.inspector} onClick={() => onToggle("inspector")}><PanelRight size={16} /></IconButton>
    </header>
  );
}
