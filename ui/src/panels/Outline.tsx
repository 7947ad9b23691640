//! The pipeline as a list, in the order of its flow: the same steps without the picture, for keyboards, screen readers and a quick look.
import { useMemo, useState } from "react";
import { categoryOf } from "../graph/model/catalogue";
import { notesOf } from "../graph/model/edits";
import { outline, search } from "../graph/model/search";
import { useGraph, useSession } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";

/** Deeper indentation than this leaves no room for names. */
const MAX_INDENT = 6;

export function Outline() {
  const { doc } = useSession();
  const nodes = useGraph((graph) => graph.nodes());
  const edges = useGraph((graph) => graph.edges());
  const [typed, setTyped] = useState("");
  const rows = useMemo(() => outline(nodes, edges.values()), [nodes, edges]);
  const found = typed.trim() ? new Set(search(nodes.values(), [], typed, (id) => notesOf(doc, id)?.toString() ?? "").map((hit) => hit.id)) : null;
  const shown = found ? rows.filter((row) => found.has(row.id)) : rows;
  const name = (id: string) => nodes.get(id)?.label ?? "";
  const t = text.outline;
  if (nodes.size === 0) return null;
  return (
    <section className="section section--flush">
      <div className="section__head section__pad"><h3>{t.title}</h3></div>
      <div className="section__pad"><input className="input" type="search" placeholder={t.search} aria-label={t.search} value={typed} data-testid="outline-search" onChange={(event) => setTyped(event.target.value)} /></div>
      <ol className="outline" aria-label={t.title} data-testid="outline">
        {shown.map((row) => {
          const node = nodes.get(row.id);
          if (!node) return null;
          const says = t.row(node.label, text.category[categoryOf(node.type, node.ports)], row.from.map(name), row.to.map(name));
          return (
            <li key={row.id}>
              <button type="button" className="outline__row" aria-label={says} title={node.label} data-disabled={node.disabled} style={{ paddingLeft: 16 + (found ? 0 : 10 * Math.min(row.depth, MAX_INDENT)) }} onClick={() => useCanvas.getState().set({ goTo: [row.id] })}>
                <span className="dot" style={{ background: `var(--cat-${categoryOf(node.type, node.ports)})` }} />
                <span className="truncate">{node.label}</span>
              </button>
            </li>
          );
        })}
      </ol>
      {shown.length === 0 && <p className="muted section__pad">{t.none}</p>}
    </section>
  );
}
