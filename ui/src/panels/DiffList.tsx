//! What changed, line by line. A click on a step that is still there goes to it.
import { Minus, Pencil, Plus } from "lucide-react";
import type { CSSProperties } from "react";
import { safeColour } from "../components/colour";
import { text } from "../text";
import type { DiffRow } from "./diffRows";

/** Longer lists are cut, and say so: nobody reads them to the end. */
const MAX_ROWS = 200;
const ICONS = { added: Plus, removed: Minus, changed: Pencil } as const;

export function DiffList({ rows, onGo }: { rows: readonly DiffRow[]; onGo?: (node: string) => void }) {
  if (rows.length === 0) return <p className="muted">{text.diff.same}</p>;
  return (
    <ul className="diff" data-testid="diff">
      {rows.slice(0, MAX_ROWS).map((row) => {
        const Icon = ICONS[row.kind];
        const { node } = row;
        return (
          <li key={row.key} className="diff__row" data-kind={row.kind}>
            <Icon size={12} aria-label={text.diff.kinds[row.kind]} />
            <div className="grow">
              {node !== null && onGo ? <button type="button" className="diff__title" onClick={() => onGo(node)}>{row.title}</button> : <span className="diff__title">{row.title || row.thing}</span>}
              <small>{row.thing}</small>
              {row.fields.map((field) => (
                <div key={field.name} className="diff__field">
                  <span>{field.name}</span>
                  {(field.before || field.after) && <><del>{field.before}</del> → <ins>{field.after}</ins></>}
                </div>
              ))}
            </div>
            <span className="diff__by">{row.by.map((one) => <span key={one.device} className="diff__who" style={{ "--who": safeColour(one.color) } as CSSProperties}>{one.name}</span>)}</span>
          </li>
        );
      })}
      {rows.length > MAX_ROWS && <li className="muted">{text.diff.more(rows.length - MAX_ROWS)}</li>}
    </ul>
  );
}
