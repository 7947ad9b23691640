//! The file that a step reads: chosen here, described for everybody. Its bytes stay where they are.
import { FileText, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { setFile } from "../graph/model/edits";
import { useSession } from "../graph/model/session";
import type { NodeView } from "../graph/model/snapshot";
import { text } from "../text";
import { factsOf } from "./sourceFile";

export function SourceFile({ node }: { node: NodeView }) {
  const { doc, writable } = useSession();
  const picker = useRef<HTMLInputElement>(null);
  const [read, setRead] = useState<number | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  // Counts what was chosen, so that an earlier file that is still read is given up.
  const turn = useRef(0);
  useEffect(() => () => void (turn.current += 1), []);
  const t = text.file;
  const take = async (chosen: File | undefined) => {
    if (!chosen) return;
    const own = ++turn.current;
    setProblem(null);
    setRead(0);
    try {
      const facts = await factsOf(chosen, setRead, () => own !== turn.current);
      if (facts) setFile(doc, node.id, facts);
    } catch {
      setProblem(t.unreadable(chosen.name));
    }
    if (own === turn.current) setRead(null);
  };
  const { file } = node;
  return (
    <section className="section" data-testid="source-file">
      <div className="section__head"><h3>{t.title}</h3></div>
      {file && (
        <div className="row">
          <FileText size={16} aria-hidden="true" style={{ flex: "none", color: "var(--ink-3)" }} />
          <div className="list__main grow">
            <span className="truncate selectable" style={{ display: "block" }} title={file.name} data-testid="file-name">{file.name}</span>
            <small>{[text.storage.size(file.size), file.format].filter(Boolean).join(" · ")}</small>
            <small className="mono selectable" title={t.hash(file.sha256)} data-testid="file-hash">{file.sha256}</small>
          </div>
          {writable && <IconButton size="small" label={t.remove} data-testid="file-remove" onClick={() => setFile(doc, node.id, null)}><X size={12} /></IconButton>}
        </div>
      )}
      {writable && (
        <div className="row">
          <Button size="small" disabled={read !== null} data-testid="file-attach" onClick={() => picker.current?.click()}>{read === null ? (file ? t.replace : t.attach) : t.reading(Math.round(100 * read))}</Button>
          <input ref={picker} type="file" hidden aria-label={t.attach} data-testid="file-input" onChange={(event) => {
            void take(event.target.files?.[0]);
            event.target.value = "";
          }} />
        </div>
      )}
      {problem ? <span className="field__error" role="alert">{problem}</span> : <p className="muted" style={{ fontSize: "var(--text-xs)", lineHeight: "16px" }}>{t.meaning}</p>}
    </section>
  );
}
