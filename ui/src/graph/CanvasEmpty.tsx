//! The empty canvas teaches its three ways in.
import { Button } from "../components/Button";
import { Empty } from "../components/Empty";
import { text } from "../text";
import { useSession } from "./model/session";
import { useCanvas } from "./model/uiState";

export function CanvasEmpty() {
  const { writable } = useSession();
  return (
    <div className="canvas__empty">
      <Empty title={text.canvas.emptyTitle} text={writable ? text.canvas.emptyText : text.canvas.emptyViewer}>
        {writable && <Button kind="primary" onClick={() => useCanvas.getState().set({ paletteAt: "centre" })}>{text.canvas.addStep}</Button>}
      </Empty>
    </div>
  );
}
