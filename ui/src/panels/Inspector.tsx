//! The right panel: what is selected, or the workspace when nothing is.
import { lazy, memo, Suspense } from "react";
import { useGraph } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";
import { IssueList } from "./IssueList";
import { MultiInspector } from "./MultiInspector";
import { NodeHistory } from "./NodeHistory";
import { NodeInspector } from "./NodeInspector";
import { Outline } from "./Outline";
import { WorkspaceFacts } from "./WorkspaceFacts";

/** The editor is a third of the bundle: it loads with the first selected step. */
const NotesEditor = lazy(() => import("./NotesEditor"));

export const Inspector = memo(function Inspector() {
  const selected = useCanvas((state) => state.nodes);
  const graph = useGraph((one) => one.nodes());
  const steps = selected.filter((id) => graph.has(id));
  const only = steps.length === 1 ? steps[0] : undefined;
  return (
    <aside className="inspector" aria-label={text.inspector.title} data-testid="inspector">
      {only ? (
        <>
          <NodeInspector key={only} id={only} />
          <section className="section section--grow">
            <div className="section__head"><h3>{text.inspector.notes}</h3></div>
            <Suspense fallback={<div className="notes" />}><NotesEditor key={only} node={only} /></Suspense>
          </section>
          <NodeHistory key={`history-${only}`} id={only} />
        </>
      ) : selected.length > 1 ? (
        <MultiInspector ids={steps} total={selected.length} />
      ) : (
        <>
          <WorkspaceFacts />
          <IssueList />
          <Outline />
        </>
      )}
    </aside>
  );
});
