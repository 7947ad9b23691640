//! The floating tools at the foot of the canvas: add, note, tidy, align, zoom.
import { Panel, useReactFlow, useStore } from "@xyflow/react";
import { AlignHorizontalJustifyStart, Eye, EyeOff, Maximize, Minus, Network, Plus, StickyNote } from "lucide-react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { Menu } from "../components/Menu";
import { text } from "../text";
import { useSession } from "./model/session";
import { useCanvas } from "./model/uiState";
import type { Actions } from "./useActions";

const EDGES = ["left", "centre", "right", "top", "middle", "bottom"] as const;

export function CanvasToolbar({ actions }: { actions: Actions }) {
  const { writable } = useSession();
  const flow = useReactFlow();
  const zoom = useStore((state) => state.transform[2]);
  const several = useCanvas((state) => state.nodes.length > 1);
  const showCursors = useCanvas((state) => state.showCursors);
  const t = text.canvas;
  return (
    <Panel position="bottom-center">
      <div className="toolbar" role="toolbar" aria-label={t.tools}>
        {writable && (
          <>
            <Button kind="quiet" data-testid="add-step" onClick={() => useCanvas.getState().set({ paletteAt: "centre" })}><Plus size={16} aria-hidden="true" />{t.addStep}</Button>
            <IconButton label={t.addNote} keys="S" side="top" data-testid="add-note" onClick={actions.addNote}><StickyNote size={16} /></IconButton>
            <IconButton label={t.tidy} keys="Shift T" side="top" data-testid="tidy" onClick={actions.tidyUp}><Network size={16} /></IconButton>
            <Menu
              trigger={<Button kind="quiet" icon aria-label={t.align} title={t.align} disabled={!several} data-testid="align"><AlignHorizontalJustifyStart size={16} /></Button>}
              entries={[
                ...EDGES.map((edge) => ({ label: text.align[edge], onSelect: () => actions.align(edge) })),
                { kind: "line" as const },
                { label: text.align.spreadX, onSelect: () => actions.distribute("x") },
                { label: text.align.spreadY, onSelect: () => actions.distribute("y") },
              ]}
            />
            <span className="toolbar__line" />
          </>
        )}
        <IconButton label={t.zoomOut} keys="−" side="top" data-testid="zoom-out" onClick={() => void flow.zoomOut()}><Minus size={16} /></IconButton>
        <Button kind="quiet" className="toolbar__zoom" aria-label={t.zoomReset(Math.round(zoom * 100))} onClick={() => void flow.zoomTo(1, { duration: 150 })}>{Math.round(zoom * 100)} %</Button>
        <IconButton label={t.zoomIn} keys="+" side="top" onClick={() => void flow.zoomIn()}><Plus size={16} /></IconButton>
        <IconButton label={t.fit} keys="1" side="top" data-testid="fit" onClick={() => void flow.fitView({ duration: 200, padding: 0.12 })}><Maximize size={16} /></IconButton>
        <IconButton label={showCursors ? t.hideCursors : t.showCursors} side="top" onClick={() => useCanvas.getState().set({ showCursors: !showCursors })}>{showCursors ? <Eye size={16} /> : <EyeOff size={16} />}</IconButton>
      </div>
    </Panel>
  );
}
