//! The honest sentence at the foot of the window, and the counts.
import { useEffect, useState } from "react";
import { danglingEdges } from "../graph/useFlowEdges";
import { useFindings } from "../graph/model/findings";
import { useGraph } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import type { SyncState } from "../panels/engine";
import { statusSentence } from "../panels/statusSentence";
import { text } from "../text";

export function StatusLine({ sync, network, alone }: { sync: SyncState | null; network: boolean; alone: boolean }) {
  const nodes = useGraph((graph) => graph.nodes().size);
  const edges = useGraph((graph) => graph.edges().size);
  const dangling = useGraph(danglingEdges);
  const findings = useFindings((state) => state.list);
  const selected = useCanvas((state) => state.nodes.length);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => setNow(Date.now()), [sync]);
  const status = statusSentence(sync, network, now, alone);
  const errors = findings.filter((one) => one.level === "error").length;
  const counted = text.status.findings(errors, findings.length - errors);
  return (
    <footer className="status">
      <span className={`dot dot--${status.tone}`} />
      <span role="status" data-testid="status-line" className="truncate">{status.parts.join(" · ")}</span>
      <span className="status__right">
        {dangling > 0 && <span>{text.status.dangling(dangling)}</span>}
        {counted && <span data-testid="status-findings">{counted}</span>}
        {selected > 0 && <span>{text.inspector.selected(selected)}</span>}
        <span data-testid="status-counts">{text.status.counts(nodes, edges)}</span>
      </span>
    </footer>
  );
}
