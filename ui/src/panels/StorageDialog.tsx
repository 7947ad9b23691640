//! What the workspaces take on this computer, and giving back the room of what was removed.
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { text } from "../text";
import { messageOf, useEngine, useQuery } from "./engine";

export function StorageDialog({ onClose }: { onClose: () => void }) {
  const engine = useEngine();
  const { data, error, reload } = useQuery("storage.show", {}, ["workspaces_changed"]);
  const [busy, setBusy] = useState(false);
  const t = text.storage;
  const compact = () => {
    setBusy(true);
    engine.call("storage.compact").then(
      ({ before, bytes }) => toast.success(t.compacted(Math.max(0, before - bytes))),
      (failure: unknown) => toast.error(messageOf(failure)),
    ).finally(() => {
      setBusy(false);
      reload();
    });
  };
  const list = [...(data?.workspaces ?? [])].sort((a, b) => b.bytes - a.bytes);
  const largest = Math.max(1, ...list.map((one) => one.bytes));
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={520} closeLabel={text.close} testId="storage-dialog" footer={<Button kind="primary" disabled={!data?.free || busy} data-testid="storage-compact" onClick={compact}>{busy ? t.compacting : t.compact}</Button>}>
      {error && <Callout tone="danger">{error}</Callout>}
      {data && (
        <dl className="facts">
          <dt>{t.total}</dt><dd data-testid="storage-total">{t.size(data.bytes)}</dd>
          <dt>{t.free}</dt><dd data-testid="storage-free">{t.size(data.free)}</dd>
          {data.folder && <><dt>{t.folder}</dt><dd className="selectable" title={data.folder}>{data.folder}</dd></>}
        </dl>
      )}
      <ul className="list" aria-label={t.logs}>
        {list.map((one) => (
          <li key={one.workspace} className="list__item" data-testid="storage-item">
            <div className="list__main"><span className="truncate">{one.name || text.workspaces.unnamed}</span><small>{t.ops(one.ops)}</small></div>
            <span className="bar" aria-hidden="true"><span style={{ width: `${(100 * one.bytes) / largest}%` }} /></span>
            <span className="bar__size">{t.size(one.bytes)}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
