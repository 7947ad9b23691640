//! Brings a pipeline in from a file or pasted text. New steps stand beside what is there; nothing is replaced.
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";

export function ImportDialog({ workspace, onClose, onDone }: { workspace: string; onClose: () => void; onDone: () => void }) {
  const engine = useEngine();
  const [content, setContent] = useState("");
  const [filename, setFilename] = useState<string | undefined>();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const t = text.importing;
  const run = async () => {
    if (!content.trim() || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const done = await engine.call("pipeline.import", { workspace, content, ...(filename ? { filename } : {}) });
      toast.success(t.done(done.nodes, done.edges), done.warnings.length > 0 ? { description: t.warnings(done.warnings.length) } : undefined);
      onDone();
    } catch (error) {
      setProblem(messageOf(error));
      setBusy(false);
    }
  };
  const take = async (file: File | undefined) => {
    if (!file) return;
    setFilename(file.name);
    setContent(await file.text());
  };
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={520} closeLabel={text.close} testId="import-dialog" onSubmit={() => void run()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!content.trim() || busy} data-testid="import-confirm">{busy ? t.busy : t.confirm}</Button></>}>
      <Field label={t.file}>{(props) => <input {...props} type="file" accept=".ga,.json,application/json" data-testid="import-file" onChange={(event) => void take(event.target.files?.[0])} />}</Field>
      <Field label={t.paste}>{(props) => <textarea {...props} className="input mono" rows={8} spellCheck={false} value={content.length > 200_000 ? `${content.slice(0, 2000)}…` : content} readOnly={content.length > 200_000} data-testid="import-text" onChange={(event) => setContent(event.target.value)} />}</Field>
      {problem && <Callout tone="danger" testId="import-problem">{problem}</Callout>}
    </Dialog>
  );
}
