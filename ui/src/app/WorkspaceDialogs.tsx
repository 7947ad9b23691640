//! The dialogs about one workspace as a whole: devices, recovery key, new key, leaving, closing, removing the copy.
import { toast } from "sonner";
import { ConfirmDialog } from "../panels/ConfirmDialog";
import { DevicesDialog } from "../panels/DevicesDialog";
import { type Summary, useEngine } from "../panels/engine";
import { LeaveDialog } from "../panels/LeaveDialog";
import { RecoveryDialog } from "../panels/RecoveryDialog";
import { text } from "../text";
import type { WorkspaceDialog } from "./dialogs";

interface WorkspaceDialogsProps { name: WorkspaceDialog; summary: Summary; onDialog: (name: WorkspaceDialog, workspace: Summary) => void; onGone: (workspace: string) => void; onRecovery: (workspace: string) => void; onClose: () => void }

export function WorkspaceDialogs({ name: dialog, summary, onDialog, onGone, onRecovery, onClose }: WorkspaceDialogsProps) {
  const engine = useEngine();
  const { workspace, name } = summary;
  const t = text.confirm;
  switch (dialog) {
    case "devices": return <DevicesDialog workspace={workspace} name={name} closed={summary.status === "closed"} onClose={onClose} />;
    case "recovery": return <RecoveryDialog workspace={workspace} name={name} onMade={() => onRecovery(workspace)} onClose={onClose} />;
    case "rotate": {
      const rotate = () => engine.call("workspace.rotate", { workspace }).then(() => toast.success(t.rotated));
      return <ConfirmDialog title={t.rotateTitle(name)} message={t.rotateText} action={t.rotate} danger={false} onConfirm={rotate} onClose={onClose} />;
    }
    case "leave": return <LeaveDialog summary={summary} onCloseWorkspace={() => onDialog("close", summary)} onClose={onClose} />;
    case "close": return <ConfirmDialog title={t.closeTitle(name)} message={t.closeText} action={t.close} typed={name} onConfirm={() => engine.call("workspace.close", { workspace, confirm: name })} onClose={onClose} />;
    case "delete": {
      const remove = () => engine.call("workspace.delete", { workspace, confirm: name }).then(() => onGone(workspace));
      return <ConfirmDialog title={t.deleteTitle(name)} message={t.deleteText} action={t.delete} typed={name} onConfirm={remove} onClose={onClose} />;
    }
  }
}
