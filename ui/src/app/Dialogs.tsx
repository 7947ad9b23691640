//! Shows the one open dialog.
import { ConfirmDialog } from "../panels/ConfirmDialog";
import { CreateDialog } from "../panels/CreateDialog";
import { type Profile, type Summary, useEngine } from "../panels/engine";
import { ExportDialog } from "../panels/ExportDialog";
import { HistoryDialog } from "../panels/HistoryDialog";
import { ImportDialog } from "../panels/ImportDialog";
import { JoinDialog } from "../panels/JoinDialog";
import { PictureDialog } from "../panels/PictureDialog";
import { SettingsDialog, type ThemeChoice } from "../panels/SettingsDialog";
import { ShareDialog } from "../panels/ShareDialog";
import { ShortcutSheet } from "../panels/ShortcutSheet";
import { StorageDialog } from "../panels/StorageDialog";
import { text } from "../text";
import type { DialogState } from "./dialogs";

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
  onClose: () => void;
}

export function Dialogs({ state, open, summary, workspaces, writable, profile, theme, onTheme, onProfile, onOpen, onClose }: DialogsProps) {
  const engine = useEngine();
  const enter = (workspace: string) => {
    onClose();
    onOpen(workspace);
  };
  switch (state?.name) {
    case undefined: return null;
    case "create": return <CreateDialog me={profile.name} workspaces={workspaces} onClose={onClose} onCreated={enter} />;
    case "join": return <JoinDialog initial={state.link} onClose={onClose} onJoined={enter} />;
    case "settings": return <SettingsDialog profile={profile} theme={theme} onTheme={onTheme} onSaved={onProfile} onClose={onClose} />;
    case "storage": return <StorageDialog onClose={onClose} />;
    case "shortcuts": return <ShortcutSheet onClose={onClose} />;
    case "leave": {
      const { workspace, name } = state.workspace;
      return <ConfirmDialog title={text.confirm.leaveTitle(name)} message={text.confirm.leaveText} action={text.confirm.leave} onConfirm={() => engine.call("workspace.leave", { workspace })} onClose={onClose} />;
    }
    case "delete": {
      const { workspace, name } = state.workspace;
      const remove = () => engine.call("workspace.delete", { workspace, confirm: name }).then(() => summary?.workspace === workspace && onOpen(null));
      return <ConfirmDialog title={text.confirm.deleteTitle(name)} message={text.confirm.deleteText} action={text.confirm.delete} typed={name} onConfirm={remove} onClose={onClose} />;
    }
  }
  if (!state || !summary) return null;
  const { workspace, name } = summary;
  switch (state.name) {
    case "share": return <ShareDialog workspace={workspace} name={name} me={profile.name} mayInvite={summary.role === "owner"} onClose={onClose} />;
    case "versions": return <HistoryDialog workspace={workspace} writable={writable} since={state.since} onClose={onClose} />;
    case "import": return <ImportDialog workspace={workspace} onClose={onClose} onDone={onClose} />;
    case "picture": return open && <PictureDialog name={name} onClose={onClose} />;
    case "export": return <ExportDialog workspace={workspace} name={name} onClose={onClose} />;
  }
}
