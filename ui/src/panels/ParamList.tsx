//! The parameters of a step, sorted by name, with a row to add one.
import { Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { Select } from "../components/Select";
import { removeParam, setParam } from "../graph/model/edits";
import { useSession } from "../graph/model/session";
import type { NodeView } from "../graph/model/snapshot";
import { text } from "../text";
import { ParamField } from "./ParamField";
import { blankValue, PARAM_KINDS, type ParamKind } from "./paramValue";

export function ParamList({ node }: { node: NodeView }) {
  const { doc, presence, writable } = useSession();
  const [adding, setAdding] = useState(false);
  const [name, setName] = useState("");
  const [kind, setKind] = useState<ParamKind>("text");
  const t = text.inspector;
  const names = Object.keys(node.params).sort((a, b) => a.localeCompare(b));
  const taken = names.includes(name.trim());
  const add = () => {
    if (!name.trim() || taken) return;
    setParam(doc, node.id, name.trim(), blankValue(kind));
    setName("");
    setAdding(false);
  };
  const editing = (on: boolean) => presence.publish("editing", on ? { node: node.id, what: "parameters" } : null);
  return (
    <section className="section" onFocus={() => editing(true)} onBlur={() => editing(false)}>
      <div className="section__head">
        <h3>{t.params}</h3>
        {writable && <IconButton label={t.addParam} size="small" data-testid="param-add" onClick={() => setAdding(!adding)}><Plus size={14} /></IconButton>}
      </div>
      {adding && (
        <form className="stack-s" onSubmit={(event) => {
          event.preventDefault();
          add();
        }}>
          <div className="row">
            <input className="input" autoFocus placeholder={t.paramName} aria-label={t.paramName} aria-invalid={taken} value={name} data-testid="param-new-name" onChange={(event) => setName(event.target.value)} onKeyDown={(event) => event.key === "Escape" && setAdding(false)} />
            <Select value={kind} options={PARAM_KINDS.map((one) => ({ value: one, label: text.kinds[one] }))} onChange={(value) => setKind(value as ParamKind)} aria-label={t.paramKind} data-testid="param-new-kind" />
            <Button type="submit" kind="primary" disabled={!name.trim() || taken} data-testid="param-new-add">{t.add}</Button>
          </div>
          {taken && <span className="field__error" role="alert">{t.paramTaken}</span>}
        </form>
      )}
      {names.length === 0 && !adding && <p className="muted">{t.noParams}</p>}
      {names.map((one) => (
        <ParamField key={one} name={one} value={node.params[one]} writable={writable} onSet={(value) => setParam(doc, node.id, one, value)} onRemove={() => removeParam(doc, node.id, one)} />
      ))}
    </section>
  );
}
