//! One parameter as a typed field. What cannot be read stays in the field with the reason; the document keeps the last good value.
import { X } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { IconButton } from "../components/IconButton";
import { Switch } from "../components/Switch";
import { text } from "../text";
import { type Json, kindOf, parseValue, printValue } from "./paramValue";

interface ParamFieldProps {
  name: string;
  value: unknown;
  writable: boolean;
  onSet: (value: Json) => void;
  onRemove: () => void;
}

export function ParamField({ name, value, writable, onSet, onRemove }: ParamFieldProps) {
  const id = useId();
  const kind = kindOf(value);
  const printed = printValue(value, kind);
  const [draft, setDraft] = useState(printed);
  const focused = useRef(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (focused.current) return;
    setDraft(printed);
    setProblem(null);
  }, [printed]);
  const commit = () => {
    focused.current = false;
    if (draft === printed) return setProblem(null);
    const parsed = parseValue(draft, kind);
    if (!parsed.ok) return setProblem(text.problems[parsed.problem]);
    setProblem(null);
    onSet(parsed.value);
  };
  const common = {
    id, value: draft, className: "input", readOnly: !writable, "data-testid": `param-${name}`, "aria-invalid": problem ? true : undefined, "aria-describedby": problem ? `${id}-note` : undefined,
    onFocus: () => {
      focused.current = true;
    },
    onBlur: commit,
  };
  return (
    <div className="param">
      <label className="param__name" htmlFor={id}><span className="truncate">{name}</span></label>
      {writable && <IconButton className="param__remove" size="small" label={text.inspector.removeParam(name)} data-testid={`param-remove-${name}`} onClick={onRemove}><X size={12} /></IconButton>}
      <div className="param__value">
        {kind === "switch" ? (
          <Switch id={id} checked={value === true} disabled={!writable} aria-label={name} data-testid={`param-${name}`} onChange={onSet} />
        ) : kind === "json" || (kind === "text" && (draft.includes("\n") || draft.length > 80)) ? (
          <textarea {...common} className={kind === "json" ? "input mono" : "input"} rows={Math.min(8, Math.max(2, draft.split("\n").length))} spellCheck={false} onChange={(event) => setDraft(event.target.value)} />
        ) : (
          <input {...common} inputMode={kind === "number" ? "decimal" : undefined} spellCheck={false} placeholder={kind === "list" ? text.inspector.listHint : undefined} onChange={(event) => setDraft(event.target.value)} onKeyDown={(event) => {
            if (event.key === "Enter") event.currentTarget.blur();
            if (event.key === "Escape") setDraft(printed);
          }} />
        )}
      </div>
      {problem && <span id={`${id}-note`} className="field__error" role="alert">{problem}</span>}
    </div>
  );
}
