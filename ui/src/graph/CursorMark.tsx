//! One pointer with its name. Glides between two reports by a CSS transition; reduced motion turns that off.
import { type CSSProperties, memo } from "react";
import { whoStyle } from "../components/colour";
import type { Presence } from "./model/PresenceStore";

/** Pointers arrive up to 25 times a second; the glide takes about the time until the next one. */
const GLIDE_MS = 45;

export const CursorMark = memo(function CursorMark({ person, zoom }: { person: Presence; zoom: number }) {
  const [x, y] = person.pointer ?? [0, 0];
  const style = { ...whoStyle(person.color), transform: `translate(${x}px, ${y}px)`, transition: `transform ${GLIDE_MS}ms linear`, zIndex: 2000, pointerEvents: "none" } as CSSProperties;
  return (
    <div className="cursor" data-testid={`cursor-${person.device}`} data-status={person.status} data-x={x} data-y={y} aria-hidden="true" style={style}>
      <div style={{ transform: `scale(${1 / zoom})`, transformOrigin: "0 0" }}>
        <svg width="16" height="18" viewBox="0 0 16 18"><path d="M1.5 1.2 14.2 8.6 8.1 10 5 16z" strokeLinejoin="round" /></svg>
        <span className="cursor__name">{person.name}</span>
      </div>
    </div>
  );
});
