//! The inspector with nothing selected: the workspace itself.
import { EditableText } from "../components/EditableText";
import { setMeta } from "../graph/model/edits";
import { useGraph, useSession } from "../graph/model/session";
import { text } from "../text";

export function WorkspaceFacts() {
  const { doc, writable } = useSession();
  const meta = useGraph((graph) => graph.header());
  const nodes = useGraph((graph) => graph.nodes().size);
  const edges = useGraph((graph) => graph.edges().size);
  const stickies = useGraph((graph) => graph.stickies().size);
  const description = typeof meta.description === "string" ? meta.description : "";
  const t = text.inspector;
  return (
    <section className="section">
      <h2>{t.workspace}</h2>
      <dl className="facts">
        <dt>{t.steps}</dt><dd>{nodes}</dd>
        <dt>{t.links}</dt><dd>{edges}</dd>
        {stickies > 0 && <><dt>{t.stickies}</dt><dd>{stickies}</dd></>}
        {typeof meta.license === "string" && meta.license && <><dt>{t.license}</dt><dd className="truncate selectable">{meta.license}</dd></>}
      </dl>
      {(writable || description) && (
        <label className="field">
          <span className="field__label">{t.description}</span>
          <EditableText className="input" value={description} disabled={!writable} placeholder={t.descriptionHint} data-testid="workspace-description" onCommit={(value) => setMeta(doc, "description", value)} />
        </label>
      )}
    </section>
  );
}
