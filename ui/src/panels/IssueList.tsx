//! The findings of the engine's validation. A click goes to the step.
import { useReactFlow } from "@xyflow/react";
import { CircleAlert, TriangleAlert } from "lucide-react";
import { useFindings } from "../graph/model/findings";
import { text } from "../text";

/** More than this many rows tell nobody anything. */
const MAX_SHOWN = 60;

export function IssueList() {
  const list = useFindings((state) => state.list);
  const flow = useReactFlow();
  if (list.length === 0) return null;
  return (
    <section className="section">
      <div className="section__head"><h3>{text.inspector.issues(list.length)}</h3></div>
      <div>
        {list.slice(0, MAX_SHOWN).map((one, index) => (
          <button key={`${one.code}${one.node}${one.edge}${index}`} type="button" className="issue" onClick={() => one.node && void flow.fitView({ nodes: [{ id: one.node }], maxZoom: 1, duration: 250 })}>
            {one.level === "error" ? <CircleAlert size={14} color="var(--danger)" /> : <TriangleAlert size={14} color="var(--warn)" />}
            <span>{one.message}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
