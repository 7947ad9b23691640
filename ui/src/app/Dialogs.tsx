//! Shows the one open dialog.
import { CreateDialog } from "../panels/CreateDialog";
import type { Profile, Summary } from "../panels/engine";
import { ExportDialog } from "../panels/ExportDialog";
import { HistoryDialog } from "../panels/HistoryDialog";
import { ImportDialog } from "../panels/ImportDialog";
import { JoinDialog } from "../panels/JoinDialog";
import { NameVersionDialog } from "../panels/NameVersionDialog";
import { PictureDialog } from "../panels/PictureDialog";
import { SettingsDialog, type ThemeChoice } from "../panels/SettingsDialog";
import { ShareDialog } from "../panels/ShareDialog";
import { ShortcutSheet } from "../panels/ShortcutSheet";
import { StorageDialog } from "../panels/StorageDialog";
import type { DialogState, WorkspaceDialog } from "./dialogs";
import { WorkspaceDialogs } from "./WorkspaceDialogs";

interface DialogsProps {
  state: DialogState;
  /** Whether the workspace of `summary` is open, and its document at hand. */
  open: boolean;
  summary: Summary | null;
  workspaces: readonly Summary[];
  writable: boolean;
  profile: Profile;
  theme: ThemeChoice;
  onTheme: (theme: ThemeChoice) => void;
  onProfile: (profile: Profile) => void;
  onOpen: (workspace: string | null) => void;
  onCreated: (workspace: string) => void;
  onRecovery: (workspace: string) => void;
  onWorkspaceDialog: (name: WorkspaceDialog, workspace: Summary) => void;
  onClose: () => void;
}

export function Dialogs({ state, open, summary, workspaces, writable, profile, theme, onTheme, onProfile, onOpen, onCreated, onRecovery, onWorkspaceDialog, onClose }: DialogsProps) {
  const enter = (workspace: string) => {
    onClose();
    onOpen(workspace);
  };
  switch (state?.name) {
    case undefined: return null;
    case "create": return <CreateDialog me={profile.name} workspaces={workspaces} onClose={onClose} onCreated={(made) => {
      onCreated(made);
      enter(made);
    }} />;
    case "join": return <JoinDialog initial={state.link} onClose={onClose} onJoined={enter} />;
    case "settings": case "network": {
      const devices = summary && open ? () => onWorkspaceDialog("devices", summary) : null;
      return <SettingsDialog key={state.name} profile={profile} summary={summary} first={state.name === "network" ? "network" : "you"} theme={theme} onTheme={onTheme} onDevices={devices} onSaved={onProfile} onClose={onClose} />;
    }
    case "storage": return <StorageDialog onClose={onClose} />;
    case "shortcuts": return <ShortcutSheet onClose={onClose} />;
    case "devices": case "recovery": case "rotate": case "leave": case "close": case "delete":
      return <WorkspaceDialogs name={state.name} summary={state.workspace} onDialog={onWorkspaceDialog} onGone={(gone) => summary?.workspace === gone && onOpen(null)} onRecovery={onRecovery} onClose={onClose} />;
  }
  if (!state || !summary) return null;
  const { workspace, name } = summary;
  switch (state.name) {
    case "share": return <ShareDialog workspace={workspace} name={name} me={profile.name} mayInvite={summary.role === "owner" && summary.status === "member"} onDialog={(dialog) => onWorkspaceDialog(dialog, summary)} closed={summary.status === "closed"} onClose={onClose} />;
    case "versions": return <HistoryDialog workspace={workspace} writable={writable} since={state.since} onClose={onClose} />;
    case "name-version": return <NameVersionDialog workspace={workspace} version={state.version} called={state.called} onClose={onClose} />;
    case "import": return <ImportDialog workspace={workspace} onClose={onClose} onDone={onClose} />;
    case "picture": return open && <PictureDialog name={name} onClose={onClose} />;
    case "export": return <ExportDialog workspace={workspace} name={name} onClose={onClose} />;
  }
}
