//! Following a person's view: the frame in their colour and the viewport that goes along. Esc or a pan of one's own ends it.
import { useReactFlow } from "@xyflow/react";
import { type CSSProperties, useEffect } from "react";
import { whoStyle } from "../components/colour";
import { text } from "../text";
import { useOthers } from "./model/session";
import { useCanvas } from "./model/uiState";

export function FollowFrame() {
  const following = useCanvas((state) => state.following);
  // Whoever is followed may be at several windows, and run a peer that looks at nothing.
  const theirs = useOthers().filter((one) => one.device === following);
  const person = theirs.find((one) => one.viewport) ?? theirs[0];
  const flow = useReactFlow();
  const view = person?.viewport;
  useEffect(() => {
    if (view) void flow.setCenter(view.x, view.y, { zoom: view.zoom, duration: 160 });
  }, [flow, view?.x, view?.y, view?.zoom]);
  if (!person) return null;
  return <div className="follow" style={whoStyle(person.color) as CSSProperties}><span role="status">{text.canvas.following(person.name)}</span></div>;
}
