//! Shows the pipeline as text to copy or save: own JSON or Galaxy .ga.
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Segmented } from "../components/Segmented";
import { text } from "../text";
import { messageOf, useEngine, useQuery } from "./engine";

export function ExportDialog({ workspace, name, onClose }: { workspace: string; name: string; onClose: () => void }) {
  const engine = useEngine();
  const [format, setFormat] = useState<"json" | "ga">("json");
  const { data, error } = useQuery("pipeline.export", { workspace, format });
  const t = text.exporting;
  const content = data?.content ?? "";
  const save = () => engine.saveFile(`${name}.${format}`, new TextEncoder().encode(content)).then(
    (path) => {
      toast.success(t.saved, { description: path });
      onClose();
    },
    (failure: unknown) => toast.error(messageOf(failure)),
  );
  const copy = () => navigator.clipboard?.writeText(content).then(() => toast.success(t.copied), () => undefined);
  return (
    <Dialog open onClose={onClose} title={t.title} width={560} closeLabel={text.close} testId="export-dialog" footer={<><Button onClick={() => void copy()} disabled={!content}>{t.copy}</Button><Button kind="primary" onClick={() => void save()} disabled={!content} data-testid="export-save">{t.save}</Button></>}>
      <div><Segmented label={t.format} value={format} options={[{ value: "json", label: "OmniScope JSON" }, { value: "ga", label: "Galaxy .ga" }]} onChange={setFormat} /></div>
      {error ? <Callout tone="danger">{error}</Callout> : <textarea className="input mono" readOnly rows={14} aria-label={t.title} value={content.slice(0, 20_000)} data-testid="export-text" />}
    </Dialog>
  );
}
