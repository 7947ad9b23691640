//! A selection of several: what it holds, by kind.
import { categoryOf } from "../graph/model/catalogue";
import { useGraph } from "../graph/model/session";
import { text } from "../text";

export function MultiInspector({ ids, total }: { ids: readonly string[]; total: number }) {
  const nodes = useGraph((graph) => graph.nodes());
  const edges = useGraph((graph) => graph.edges());
  const counts = new Map<string, number>();
  let disabled = 0;
  for (const id of ids) {
    const node = nodes.get(id);
    if (!node) continue;
    const category = categoryOf(node.type, node.ports);
    counts.set(category, (counts.get(category) ?? 0) + 1);
    if (node.disabled) disabled += 1;
  }
  const chosen = new Set(ids);
  const inner = [...edges.values()].filter((edge) => chosen.has(edge.source) && chosen.has(edge.target)).length;
  return (
    <section className="section">
      <h2>{text.inspector.selected(total)}</h2>
      <dl className="facts">
        {[...counts].map(([category, count]) => (
          <Row key={category} name={text.category[category as keyof typeof text.category]} value={count} colour={`var(--cat-${category})`} />
        ))}
        <Row name={text.inspector.links} value={inner} />
        {disabled > 0 && <Row name={text.inspector.disabledCount} value={disabled} />}
      </dl>
      <p className="muted">{text.inspector.multiHint}</p>
    </section>
  );
}

function Row({ name, value, colour }: { name: string; value: number; colour?: string }) {
  return (
    <>
      <dt className="truncate">{name}</dt>
      <dd className="row">{colour && <span className="dot" style={{ background: colour }} />}{value}</dd>
    </>
  );
}
