//! The names of the window's dialogs; one is open at most.
import type { Summary } from "../panels/engine";

export type DialogName = "create" | "join" | "share" | "versions" | "import" | "export" | "picture" | "settings" | "shortcuts" | "storage";
export type DialogState = { name: DialogName; link?: string; since?: number } | { name: "leave" | "delete"; workspace: Summary } | null;
