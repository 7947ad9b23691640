//! The commands of the command menu. A viewer's list holds nothing that edits.
import { AlignHorizontalJustifyStart, AlignHorizontalSpaceAround, ArrowDownToLine, ArrowUpFromLine, Ban, ClipboardPaste, Copy, CopyPlus, Crosshair, Eye, FolderOpen, HardDrive, History, Image, Keyboard, Link2, LocateFixed, Maximize, Moon, MousePointer2, Network, Plus, RadioTower, Redo2, Save, Scissors, Settings, StickyNote, Trash2, Undo2, UserPlus, Wifi } from "lucide-react";
import { type ReactFlowInstance, useReactFlow } from "@xyflow/react";
import { useMemo } from "react";
import { STEP_TYPES } from "../graph/model/catalogue";
import type { PresenceStore } from "../graph/model/PresenceStore";
import { useRoster, useSession } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import { useActions } from "../graph/useActions";
import type { Summary } from "../panels/engine";
import { text } from "../text";
import type { MenuCommand } from "./CommandMenu";
import type { DialogName } from "./dialogs";

export interface WindowCommands {
  onDialog: (name: DialogName) => void;
  onSaveVersion: () => void;
  onTheme: () => void;
  onNetwork: () => void;
  onOpen: (workspace: string) => void;
  workspaces: readonly Summary[];
}

const SIZE = 16;
const ALIGN = ["left", "centre", "right", "top", "middle", "bottom"] as const;

/** No smaller than this is shown where somebody points. */
const LEGIBLE = 0.7;

/** Shows where a person points, else what they look at; follows nobody. */
function goToPerson(presence: PresenceStore, device: string, flow: ReactFlowInstance) {
  const theirs = presence.others().filter((one) => one.device === device);
  const pointer = theirs.find((one) => one.pointer)?.pointer;
  const view = theirs.find((one) => one.viewport)?.viewport;
  if (pointer) void flow.setCenter(pointer[0], pointer[1], { zoom: Math.max(flow.getZoom(), LEGIBLE), duration: 250 });
  else if (view) void flow.setCenter(view.x, view.y, { zoom: view.zoom, duration: 250 });
}

export function useCommands({ onDialog, onSaveVersion, onTheme, onNetwork, onOpen, workspaces }: WindowCommands): MenuCommand[] {
  const { writable, workspace, presence } = useSession();
  const people = useRoster();
  const actions = useActions();
  const flow = useReactFlow();
  const selected = useCanvas((state) => state.nodes.length);
  return useMemo(() => {
    const t = text.commands;
    const editing: MenuCommand[] = [
      { id: "add-step", title: text.canvas.addStep, group: "edit", keys: "A", icon: <Plus size={SIZE} />, run: () => useCanvas.getState().set({ paletteAt: "centre" }) },
      { id: "add-note", title: text.canvas.addNote, group: "edit", keys: "S", icon: <StickyNote size={SIZE} />, run: actions.addNote },
      { id: "tidy", title: text.canvas.tidy, group: "edit", keys: "⇧ T", words: "layout arrange", icon: <Network size={SIZE} />, run: actions.tidyUp },
      { id: "undo", title: text.top.undo, group: "edit", keys: "Ctrl Z", icon: <Undo2 size={SIZE} />, run: actions.undo },
      { id: "redo", title: text.top.redo, group: "edit", keys: "Ctrl ⇧ Z", icon: <Redo2 size={SIZE} />, run: actions.redo },
      ...(selected > 0 ? [
        { id: "duplicate", title: t.duplicate, group: "edit" as const, keys: "Ctrl D", icon: <CopyPlus size={SIZE} />, run: actions.duplicate },
        { id: "cut", title: t.cut, group: "edit" as const, keys: "Ctrl X", icon: <Scissors size={SIZE} />, run: () => void actions.cut() },
        { id: "disable", title: t.disable, group: "edit" as const, keys: "D", icon: <Ban size={SIZE} />, run: actions.toggleDisabled },
        { id: "delete", title: t.delete, group: "edit" as const, keys: "Del", icon: <Trash2 size={SIZE} />, run: actions.remove },
      ] : []),
      ...(selected > 1 ? ALIGN.map((edge) => (
        { id: `align-${edge}`, title: text.align[edge], group: "edit" as const, words: "align arrange", icon: <AlignHorizontalJustifyStart size={SIZE} />, run: () => actions.align(edge) }
      )) : []),
      ...(selected > 1 ? (["x", "y"] as const).map((axis) => (
        { id: `distribute-${axis}`, title: axis === "x" ? text.align.spreadX : text.align.spreadY, group: "edit" as const, words: "align arrange space", icon: <AlignHorizontalSpaceAround size={SIZE} />, run: () => actions.distribute(axis) }
      )) : []),
      { id: "paste", title: t.paste, group: "edit", keys: "Ctrl V", icon: <ClipboardPaste size={SIZE} />, run: () => void actions.paste() },
      { id: "import", title: text.top.import, group: "workspace", words: "galaxy ga json file", icon: <ArrowDownToLine size={SIZE} />, run: () => onDialog("import") },
      { id: "save-version", title: text.top.saveVersion, group: "workspace", keys: "Ctrl S", words: "snapshot", icon: <Save size={SIZE} />, run: onSaveVersion },
    ];
    const adding: MenuCommand[] = STEP_TYPES.map((step) => (
      { id: `add-${step.type}`, title: t.add(step.label), group: "add", words: `${step.type} ${step.words ?? ""}`, icon: <Plus size={SIZE} />, run: () => void actions.addStep(step, null) }
    ));
    const looking: MenuCommand[] = [
      ...(selected > 0 ? [{ id: "copy", title: t.copy, group: "edit" as const, keys: "Ctrl C", icon: <Copy size={SIZE} />, run: () => void actions.copy() }] : []),
      { id: "fit", title: text.canvas.fit, group: "view", keys: "1", words: "zoom all", icon: <Maximize size={SIZE} />, run: () => void flow.fitView({ duration: 200, padding: 0.12 }) },
      { id: "zoom-selection", title: t.zoomSelection, group: "view", icon: <Crosshair size={SIZE} />, run: () => actions.frame(useCanvas.getState().nodes) },
      { id: "cursors", title: t.cursors, group: "view", words: "pointers", icon: <Eye size={SIZE} />, run: () => useCanvas.getState().set({ showCursors: !useCanvas.getState().showCursors }) },
      { id: "own-cursor", title: t.ownCursor, group: "view", words: "pointers privacy", icon: <MousePointer2 size={SIZE} />, run: () => useCanvas.getState().set({ showOwn: !useCanvas.getState().showOwn }) },
      ...people.map((one) => ({ id: `person-${one.key}`, title: t.goToPerson(one.name), group: "view" as const, words: "zoom person pointer", icon: <LocateFixed size={SIZE} />, run: () => goToPerson(presence, one.device, flow) })),
      { id: "theme", title: text.top.theme, group: "view", words: "dark light appearance", icon: <Moon size={SIZE} />, run: onTheme },
      { id: "shortcuts", title: text.top.shortcuts, group: "view", keys: "?", icon: <Keyboard size={SIZE} />, run: () => onDialog("shortcuts") },
      { id: "share", title: t.share, group: "workspace", words: "invite people members link", icon: <UserPlus size={SIZE} />, run: () => onDialog("share") },
      { id: "history", title: text.top.versions, group: "workspace", words: "versions changes restore", icon: <History size={SIZE} />, run: () => onDialog("versions") },
      { id: "export", title: text.top.export, group: "workspace", words: "galaxy ga json file save", icon: <ArrowUpFromLine size={SIZE} />, run: () => onDialog("export") },
      { id: "picture", title: text.top.picture, group: "workspace", words: "svg png image figure export", icon: <Image size={SIZE} />, run: () => onDialog("picture") },
      { id: "network", title: t.network, group: "workspace", words: "offline online", icon: <Wifi size={SIZE} />, run: onNetwork },
      { id: "join", title: text.workspaces.join, group: "workspace", icon: <Link2 size={SIZE} />, run: () => onDialog("join") },
      { id: "relays", title: text.top.relays, group: "workspace", words: "relay only address network test", icon: <RadioTower size={SIZE} />, run: () => onDialog("network") },
      { id: "storage", title: text.top.storage, group: "workspace", words: "size disk database compact", icon: <HardDrive size={SIZE} />, run: () => onDialog("storage") },
      { id: "settings", title: text.top.settings, group: "workspace", words: "name colour profile", icon: <Settings size={SIZE} />, run: () => onDialog("settings") },
    ];
    const others: MenuCommand[] = workspaces.filter((one) => one.workspace !== workspace && one.status !== "removed").map((one) => (
      { id: `open-${one.workspace}`, title: one.name || text.workspaces.unnamed, group: "open", words: t.openWords, icon: <FolderOpen size={SIZE} />, run: () => onOpen(one.workspace) }
    ));
    return [...(writable ? [...editing, ...adding] : []), ...looking, ...others];
  }, [writable, workspace, workspaces, selected, actions, flow, people, presence, onDialog, onSaveVersion, onTheme, onNetwork, onOpen]);
}
