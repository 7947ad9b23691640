//! Who changed one step, what and when, newest first. Asked for by a click: the engine folds the whole history for it, beside its other work.
import { ChevronDown, ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Avatar } from "../components/Avatar";
import { Callout } from "../components/Callout";
import { useSession } from "../graph/model/session";
import { text } from "../text";
import { fieldName } from "./diffRows";
import { type HistoryEntry, useQuery } from "./engine";
import { listNames } from "./statusSentence";
import { sayTime } from "./time";

/** The last hands are what one looks for; the dialog has the rest. */
const MAX_LINES = 12;

export function NodeHistory({ id }: { id: string }) {
  const { workspace } = useSession();
  const [open, setOpen] = useState(false);
  const { data, error } = useQuery("history.list", open ? { workspace, node: id, limit: MAX_LINES } : null);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.scrollIntoView({ block: "nearest" }), [data]);
  return (
    <section className="section" data-testid="node-history">
      <button type="button" className="disclosure" aria-expanded={open} data-testid="node-history-open" onClick={() => setOpen(!open)}>{open ? <ChevronDown size={14} /> : <ChevronRight size={14} />}{text.nodeHistory.title}</button>
      {error && <Callout tone="danger">{error}</Callout>}
      {open && !data && !error && <p className="muted">{text.nodeHistory.reading}</p>}
      {open && <ul className="hands" ref={list}>
        {data?.entries.map((entry) => entry.authors.map((author) => (
          <li key={`${entry.from}-${author.device}`}>
            <Avatar small name={author.name} color={author.color} />
            <span className="grow">{author.name} {sayDid(entry)}</span>
            <small>{sayTime(entry.last, Date.now(), "narrow")}</small>
          </li>
        )))}
      </ul>}
    </section>
  );
}

function sayDid({ details }: HistoryEntry): string {
  const fields = [...new Set((details?.fields ?? []).map((change) => fieldName(change.field)))];
  return details?.did === "changed" && fields.length > 0 ? text.nodeHistory.changed(listNames(fields)) : text.nodeHistory.did[details?.did ?? "changed"];
}
