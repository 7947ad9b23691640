//! The names of the window's dialogs; one is open at most.
import type { Summary } from "../panels/engine";
import type { WorkspaceAction } from "../panels/WorkspaceSelector";

/** Dialogs about the open workspace, or about none. */
export type DialogName = "create" | "join" | "share" | "versions" | "import" | "export" | "picture" | "settings" | "network" | "shortcuts" | "storage";
/** Dialogs about one workspace, which need not be the open one. */
export type WorkspaceDialog = WorkspaceAction;
export type DialogState = { name: DialogName; link?: string; since?: number } | { name: "name-version"; version: string; called: string } | { name: WorkspaceDialog; workspace: Summary } | null;
