//! The history of a workspace: who changed what and when, named versions among it, and what any of it changed; any state comes back as a new edit.
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { EditableText } from "../components/EditableText";
import { Empty } from "../components/Empty";
import { Segmented } from "../components/Segmented";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";
import { DiffList } from "./DiffList";
import { diffRows } from "./diffRows";
import { type HistoryEntry, messageOf, useEngine, useQuery } from "./engine";
import { HistoryList } from "./HistoryList";

interface HistoryDialogProps { workspace: string; writable: boolean; since?: number; onClose: () => void }

export function HistoryDialog({ workspace, writable, since, onClose }: HistoryDialogProps) {
  const engine = useEngine();
  const { data, error, reload } = useQuery("history.list", { workspace, limit: 300 }, ["state_updated", "versions_changed", "workspaces_changed"]);
  const [only, setOnly] = useState<"all" | "versions">("all");
  const [chosen, setChosen] = useState<HistoryEntry | null>(null);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.history;
  const entries = data?.entries ?? [];
  const current = chosen && (entries.find((one) => one.from === chosen.from && one.kind === chosen.kind) ?? chosen);
  const shown = only === "versions" ? entries.filter((one) => one.kind === "version") : entries;
  const fail = (cause: unknown) => setProblem(messageOf(cause));
  const save = () => {
    if (!name.trim()) return;
    engine.call("version.create", { workspace, name: name.trim() }).then(() => {
      setName("");
      reload();
    }, fail);
  };
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={860} closeLabel={text.close} testId="versions-dialog" onSubmit={save}>
      <div className="history">
        <div className="history__side">
          {writable && (
            <div className="row">
              <input className="input" autoFocus maxLength={120} placeholder={t.name} aria-label={t.name} value={name} data-testid="version-name" onChange={(event) => setName(event.target.value)} />
              <Button type="submit" kind="primary" disabled={!name.trim()} data-testid="version-create">{t.save}</Button>
            </div>
          )}
          <div><Segmented label={t.show} value={only} testId="history-filter" options={[{ value: "all", label: t.all }, { value: "versions", label: t.versions }]} onChange={setOnly} /></div>
          {(problem ?? error) && <Callout tone="danger">{problem ?? error}</Callout>}
          {data && shown.length === 0 && <Empty title={t.none} text={t.noneText} />}
          <HistoryList entries={shown} chosen={current} since={since} onChoose={setChosen} />
        </div>
        <div className="history__main">
          {current
            ? <EntryView key={`${current.from}-${current.to}`} workspace={workspace} entry={current} total={data?.total ?? current.to} writable={writable} onRenamed={reload} onFail={fail} onClose={onClose} />
            : since !== undefined && data ? <Difference workspace={workspace} from={since} onClose={onClose} /> : <p className="muted history__hint">{t.choose}</p>}
        </div>
      </div>
    </Dialog>
  );
}

interface EntryViewProps { workspace: string; entry: HistoryEntry; total: number; writable: boolean; onRenamed: () => void; onFail: (cause: unknown) => void; onClose: () => void }

function EntryView({ workspace, entry, total, writable, onRenamed, onFail, onClose }: EntryViewProps) {
  const engine = useEngine();
  const [against, setAgainst] = useState<"itself" | "now">(entry.kind === "edit" ? "itself" : "now");
  const [asking, setAsking] = useState(false);
  const t = text.history;
  const restore = () => {
    engine.call("history.restore", { workspace, at: entry.to }).then(({ changed }) => {
      toast.success(t.restored(changed));
      onClose();
    }, onFail);
  };
  const { version, name } = entry.details ?? {};
  const rename = (next: string) => version && engine.call("version.rename", { workspace, version, name: next }).then(onRenamed, onFail);
  return (
    <>
      {entry.kind === "version" && writable && <EditableText className="input history__name" maxLength={120} aria-label={t.versionName} data-testid="version-rename" value={name ?? ""} required onCommit={(next) => void rename(next)} />}
      <div className="row">
        {entry.kind === "edit" && <Segmented label={t.compare} value={against} testId="history-against" options={[{ value: "itself", label: t.itself }, { value: "now", label: t.sinceThen }]} onChange={setAgainst} />}
        {entry.kind !== "edit" && <h3 className="grow">{t.sinceThen}</h3>}
        <span className="grow" />
        {writable && entry.to < total && (asking
          ? <Button kind="primary" size="small" data-testid="version-restore-confirm" onClick={restore}>{t.really}</Button>
          : <Button size="small" data-testid="version-restore" onClick={() => setAsking(true)}>{t.restore}</Button>)}
      </div>
      <Difference workspace={workspace} from={against === "now" ? entry.to : entry.from} to={against === "now" ? undefined : entry.to} onClose={onClose} />
    </>
  );
}

function Difference({ workspace, from, to, onClose }: { workspace: string; from: number; to?: number; onClose: () => void }) {
  const { data, error } = useQuery("history.diff", { workspace, from, ...(to === undefined ? {} : { to }) }, to === undefined ? ["state_updated"] : []);
  const go = (node: string) => {
    useCanvas.getState().set({ goTo: [node] });
    onClose();
  };
  if (error) return <Callout tone="danger">{error}</Callout>;
  return data ? <DiffList rows={diffRows(data.diff, data.authors)} onGo={go} /> : null;
}
