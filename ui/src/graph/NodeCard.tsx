//! One step on the canvas. Subscribes to its own node, wiring and watchers only, so that an edit redraws one card.
import { Handle, type NodeProps, Position } from "@xyflow/react";
import { AudioWaveform, Boxes, ChartScatter, CircleAlert, Database, Funnel, ShieldCheck, StickyNote, TriangleAlert, Wrench } from "lucide-react";
import { memo, useState } from "react";
import { EditableText } from "../components/EditableText";
import { text } from "../text";
import { HaloLabel } from "./HaloLabel";
import { categoryOf, isPlaceholder, portsOf, typeName } from "./model/catalogue";
import { setNodeFact } from "./model/edits";
import { useFinding } from "./model/findings";
import { useNode, useSession, useWiring } from "./model/session";
import { useCanvas } from "./model/uiState";

const ICONS = { data: Database, prepare: Funnel, quality: ShieldCheck, integrate: Boxes, model: AudioWaveform, view: ChartScatter, tool: Wrench } as const;

/** Cards with more ports than this begin folded to those in use. */
const MAX_PORT_ROWS = 6;

export const NodeCard = memo(function NodeCard({ id }: NodeProps) {
  const { doc, writable } = useSession();
  const node = useNode(id);
  const wiring = useWiring(id);
  const renaming = useCanvas((state) => state.renaming === id);
  const finding = useFinding(id);
  const [unfolded, setUnfolded] = useState(false);
  if (!node) return null;
  const category = categoryOf(node.type, node.ports);
  const Icon = ICONS[category];
  const { inputs, outputs } = portsOf(node, wiring.usedIn, wiring.usedOut);
  const rows = Math.max(inputs.length, outputs.length);
  const folded = rows > MAX_PORT_ROWS && !unfolded;
  const shownIn = folded ? fold(inputs, wiring.usedIn) : inputs;
  const shownOut = folded ? fold(outputs, wiring.usedOut) : outputs;
  const hidden = inputs.length + outputs.length - shownIn.length - shownOut.length;
  const plain = inputs.length <= 1 && outputs.length <= 1;
  const count = Object.keys(node.params).length;
  const stopRenaming = () => useCanvas.getState().set({ renaming: null });
  return (
    <div className="node" data-category={category} data-disabled={node.disabled} data-finding={finding?.level} data-placeholder={isPlaceholder(node.type)} data-testid={`node-${id}`}>
      <HaloLabel node={id} />
      <div className="node__head">
        <Icon size={16} strokeWidth={1.75} aria-hidden="true" />
        {renaming && writable ? (
          <EditableText className="node__rename nodrag" autoFocus aria-label={text.canvas.rename} data-testid="node-rename" value={node.label} required onCommit={(label) => setNodeFact(doc, id, "label", label)} onBlur={stopRenaming} onFocus={(event) => event.currentTarget.select()} />
        ) : (
          <span className="node__label" title={node.label} onDoubleClick={() => writable && useCanvas.getState().set({ renaming: id })}>{node.label}</span>
        )}
        {finding && (finding.level === "error"
          ? <CircleAlert className="node__finding node__finding--error" size={14} aria-label={finding.message} />
          : <TriangleAlert className="node__finding node__finding--warning" size={14} aria-label={finding.message} />)}
      </div>
      <div className="node__sub">
        <span className="node__type" title={node.type}>{[typeName(node.type) === node.label ? "" : typeName(node.type), node.typeVersion && node.typeVersion !== "1" ? node.typeVersion : ""].filter(Boolean).join(" · ") || text.category[category]}</span>
        {node.hasNotes && <StickyNote size={12} aria-label={text.canvas.hasNotes} />}
        {count > 0 && <span>{text.canvas.params(count)}</span>}
      </div>
      {plain ? (
        <>
          {inputs.map((name) => <Handle key={name} id={name} type="target" position={Position.Left} isConnectable={writable} role="img" aria-label={text.canvas.input(name)} />)}
          {outputs.map((name) => <Handle key={name} id={name} type="source" position={Position.Right} isConnectable={writable} role="img" aria-label={text.canvas.output(name)} />)}
        </>
      ) : (
        <div className="node__ports">
          {Array.from({ length: Math.max(shownIn.length, shownOut.length) }, (_, row) => (
            <div className="node__port" key={row}>
              {shownIn[row] !== undefined && <Handle id={shownIn[row]} type="target" position={Position.Left} isConnectable={writable} role="img" aria-label={text.canvas.input(shownIn[row])} />}
              {shownIn[row] !== undefined && <span title={shownIn[row]}>{shownIn[row]}</span>}
              {shownOut[row] !== undefined && <span title={shownOut[row]}>{shownOut[row]}</span>}
              {shownOut[row] !== undefined && <Handle id={shownOut[row]} type="source" position={Position.Right} isConnectable={writable} role="img" aria-label={text.canvas.output(shownOut[row])} />}
            </div>
          ))}
          {(hidden > 0 || unfolded) && (
            <button type="button" className="node__moreports nodrag" onClick={() => setUnfolded(!unfolded)}>{unfolded ? text.canvas.fewerPorts : text.canvas.morePorts(hidden)}</button>
          )}
        </div>
      )}
    </div>
  );
});

function fold(ports: string[], used: string[]): string[] {
  const first = ports.slice(0, 2);
  return ports.filter((port) => first.includes(port) || used.includes(port));
}
