//! The relays, one a line: whether it works, what was wrong last, a test, and removing it from the workspace.
import { Trash2 } from "lucide-react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { text } from "../text";
import type { RelayRow } from "./relayRows";
import { RelayVerdict } from "./RelayVerdict";
import { useRelayTest } from "./useRelayTest";

export function RelayList({ rows, onRemove }: { rows: readonly RelayRow[]; onRemove: ((addr: string) => void) | null }) {
  return (
    <ul className="list" data-testid="relay-list">
      {rows.map((row) => <Relay key={row.addr} row={row} onRemove={row.ours ? onRemove : null} />)}
    </ul>
  );
}

function Relay({ row, onRemove }: { row: RelayRow; onRemove: ((addr: string) => void) | null }) {
  const { testing, result, test } = useRelayTest();
  const t = text.network;
  return (
    <li className="list__item" style={{ flexWrap: "wrap" }} data-testid="relay" data-tone={row.tone}>
      <span className={`dot dot--${row.tone}`} aria-hidden="true" />
      <div className="list__main">
        <span className="truncate" title={row.addr}>{row.host}</span>
        <small>{row.facts.join(" · ")}</small>
      </div>
      <Button size="small" disabled={testing} aria-label={t.testOne(row.host)} data-testid="relay-test" onClick={() => test(row.addr, "")}>{testing ? t.testing : t.test}</Button>
      {onRemove && <IconButton size="small" label={t.removeOne(row.host)} data-testid="relay-remove" onClick={() => onRemove(row.addr)}><Trash2 size={14} /></IconButton>}
      {result && <div style={{ flexBasis: "100%" }}><RelayVerdict result={result} /></div>}
    </li>
  );
}
