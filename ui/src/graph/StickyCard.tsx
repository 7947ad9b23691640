//! A sticky note: plain text, five papers, resizable. Double-click edits; text of others is drawn as text, never as markup.
import { type NodeProps, NodeResizer, NodeToolbar, Position } from "@xyflow/react";
import { memo, useState } from "react";
import { text } from "../text";
import { HaloLabel } from "./HaloLabel";
import { setSticky, setStickyText } from "./model/edits";
import { useGraph, useSession } from "./model/session";

const PAPERS = ["yellow", "blue", "green", "pink", "grey"] as const;
const paperOf = (color: string): string => ((PAPERS as readonly string[]).includes(color) ? color : "yellow");

export const StickyCard = memo(function StickyCard({ id, selected }: NodeProps) {
  const { doc, writable } = useSession();
  const sticky = useGraph((graph) => graph.stickies().get(id));
  const [editing, setEditing] = useState(false);
  if (!sticky) return null;
  return (
    <>
      <HaloLabel node={id} />
      {writable && (
        <NodeResizer isVisible={selected} minWidth={120} minHeight={60} onResizeEnd={(_, box) => setSticky(doc, id, { pos: [Math.round(box.x), Math.round(box.y)], size: [Math.round(box.width), Math.round(box.height)] })} />
      )}
      {writable && (
        <NodeToolbar isVisible={selected && !editing} position={Position.Top}>
          <div className="sticky__tools" role="radiogroup" aria-label={text.canvas.paper}>
            {PAPERS.map((paper) => (
              <button key={paper} type="button" role="radio" aria-label={text.papers[paper]} aria-checked={paperOf(sticky.color) === paper} style={{ background: `var(--sticky-${paper})` }} onClick={() => setSticky(doc, id, { color: paper })} />
            ))}
          </div>
        </NodeToolbar>
      )}
      <div className="sticky" data-color={paperOf(sticky.color)} data-testid={`sticky-${id}`} onDoubleClick={() => writable && setEditing(true)}>
        {editing ? (
          <textarea className="nodrag nowheel" autoFocus value={sticky.text} aria-label={text.canvas.sticky} onChange={(event) => setStickyText(doc, id, event.target.value)} onBlur={() => setEditing(false)} onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === "Escape") setEditing(false);
          }} />
        ) : (
          sticky.text || <span className="muted">{text.canvas.stickyEmpty}</span>
        )}
      </div>
    </>
  );
});
