//! Facts and parameters of one step. Notes have their own editor below.
import { useEffect } from "react";
import { Callout } from "../components/Callout";
import { EditableText } from "../components/EditableText";
import { Switch } from "../components/Switch";
import { categoryOf, isPlaceholder, typeName } from "../graph/model/catalogue";
import { setNodeFact } from "../graph/model/edits";
import { useFindings } from "../graph/model/findings";
import { useNode, useSession } from "../graph/model/session";
import { text } from "../text";
import { ParamList } from "./ParamList";
import { SourceFile } from "./SourceFile";

export function NodeInspector({ id }: { id: string }) {
  const { doc, presence, writable } = useSession();
  const node = useNode(id);
  const findings = useFindings((state) => state.list);
  useEffect(() => () => presence.publish("editing", null), [presence, id]);
  if (!node) return null;
  const t = text.inspector;
  return (
    <>
      <section className="section" style={{ paddingBottom: 8 }}>
        <EditableText className="title-input" value={node.label} required disabled={!writable} aria-label={t.name} data-testid="node-label" onCommit={(label) => setNodeFact(doc, id, "label", label)} onFocus={() => presence.publish("editing", { node: id, what: "name" })} onBlur={() => presence.publish("editing", null)} />
        <dl className="facts">
          <dt>{t.kind}</dt>
          <dd className="row"><span className="dot" style={{ background: `var(--cat-${categoryOf(node.type, node.ports)})` }} />{text.category[categoryOf(node.type, node.ports)]}</dd>
          <dt>{t.type}</dt>
          <dd className="truncate selectable" title={node.type}>{typeName(node.type)}</dd>
          <dt>{t.version}</dt>
          <dd className="truncate selectable mono">{node.typeVersion || "–"}</dd>
          <dt>{t.enabled}</dt>
          <dd className="row"><Switch checked={!node.disabled} disabled={!writable} aria-label={t.enabled} data-testid="node-enabled" onChange={(on) => setNodeFact(doc, id, "disabled", !on)} /></dd>
        </dl>
        {isPlaceholder(node.type) && <Callout>{t.placeholder}</Callout>}
        {findings.filter((one) => one.node === id).map((one) => <Callout key={one.code + one.message} tone={one.level === "error" ? "danger" : "warn"}>{one.message}</Callout>)}
      </section>
      {(node.file || (writable && categoryOf(node.type, node.ports) === "data")) && <SourceFile node={node} />}
      <ParamList node={node} />
    </>
  );
}
