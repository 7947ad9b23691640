//! A group drawn as a frame around its members. Not selectable and not draggable: its members are.
import type { NodeProps } from "@xyflow/react";
import { memo } from "react";
import { safeColour } from "../components/colour";
import { useGraph } from "./model/session";

export const FrameCard = memo(function FrameCard({ id }: NodeProps) {
  const group = useGraph((graph) => graph.groups().get(id));
  if (!group) return null;
  return (
    <div className="frame" style={{ "--frame": safeColour(group.color) } as React.CSSProperties}>
      <span className="frame__label">{group.label}</span>
    </div>
  );
});
