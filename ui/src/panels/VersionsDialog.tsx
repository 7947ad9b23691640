//! Named versions: save one, look at what it holds, restore it as a new edit.
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Empty } from "../components/Empty";
import { text } from "../text";
import { messageOf, useEngine, useQuery, type Version } from "./engine";
import { sayTime } from "./time";

export function VersionsDialog({ workspace, writable, onClose }: { workspace: string; writable: boolean; onClose: () => void }) {
  const engine = useEngine();
  const { data, error, reload } = useQuery<{ versions: Version[] }>("version.list", { workspace }, ["state_updated"]);
  const [name, setName] = useState("");
  const [asking, setAsking] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.versions;
  const fail = (cause: unknown) => setProblem(messageOf(cause));
  const save = () => {
    if (!name.trim()) return;
    engine.call("version.create", { workspace, name: name.trim() }).then(() => {
      setName("");
      reload();
    }, fail);
  };
  const restore = (version: Version) => {
    engine.call<{ changed: number }>("version.restore", { workspace, version: version.version }).then((done) => {
      setAsking(null);
      toast.success(t.restored(version.name, done.changed));
      onClose();
    }, fail);
  };
  const sorted = [...(data?.versions ?? [])].sort((a, b) => b.created.localeCompare(a.created));
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={480} closeLabel={text.close} testId="versions-dialog" onSubmit={save}>
      {writable && (
        <div className="row">
          <input className="input" autoFocus maxLength={120} placeholder={t.name} aria-label={t.name} value={name} data-testid="version-name" onChange={(event) => setName(event.target.value)} />
          <Button type="submit" kind="primary" disabled={!name.trim()} data-testid="version-create">{t.save}</Button>
        </div>
      )}
      {(problem ?? error) && <Callout tone="danger">{problem ?? error}</Callout>}
      {data && sorted.length === 0 && <Empty title={t.none} text={t.noneText} />}
      <ul className="list" data-testid="version-list">
        {sorted.map((one) => (
          <li key={one.version} className="list__item" data-testid="version-item">
            <div className="list__main">{one.name}<small>{one.author.name} · {sayTime(one.created, Date.now())}</small></div>
            {writable && (asking === one.version
              ? <Button kind="primary" size="small" data-testid="version-restore-confirm" onClick={() => restore(one)}>{t.really}</Button>
              : <Button kind="plain" size="small" data-testid="version-restore" onClick={() => setAsking(one.version)}>{t.restore}</Button>)}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
