//! Other people's pointers, in flow coordinates and at constant size.
import { useStore, ViewportPortal } from "@xyflow/react";
import { CursorMark } from "./CursorMark";
import { useOthers } from "./model/session";
import { useCanvas } from "./model/uiState";

export function CursorDisplay() {
  const others = useOthers();
  const shown = useCanvas((state) => state.showCursors);
  const zoom = useStore((state) => state.transform[2]);
  if (!shown) return null;
  return (
    <ViewportPortal>
      {others.map((one) => (one.pointer ? <CursorMark key={one.key} person={one} zoom={zoom} /> : null))}
    </ViewportPortal>
  );
}
