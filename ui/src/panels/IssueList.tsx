//! The findings of the engine's validation. A click goes to the step.
import { CircleAlert, TriangleAlert } from "lucide-react";
import { useFindings } from "../graph/model/findings";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";

/** More than this many rows tell nobody anything. */
const MAX_SHOWN = 60;

export function IssueList() {
  const list = useFindings((state) => state.list);
  if (list.length === 0) return null;
  return (
    <section className="section">
      <div className="section__head"><h3>{text.inspector.issues(list.length)}</h3></div>
      <div>
        {list.slice(0, MAX_SHOWN).map((one, index) => (
          <button key={`${one.code}${one.node}${one.edge}${index}`} type="button" className="issue" onClick={() => one.node && useCanvas.getState().set({ goTo: [one.node] })}>
            {one.level === "error" ? <CircleAlert size={14} color="var(--danger)" /> : <TriangleAlert size={14} color="var(--warn)" />}
            <span>{one.message}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
