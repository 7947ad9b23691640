//! This person's devices in one workspace: which is this one, adding another, taking out a lost one.
import { Laptop, Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { text } from "../text";
import { ConfirmDialog } from "./ConfirmDialog";
import { type Device, messageOf, useEngine, useQuery } from "./engine";
import { fingerprint, shortFingerprint } from "./fingerprint";
import { LinkCard } from "./LinkCard";
import { sayTime } from "./time";

interface DevicesDialogProps { workspace: string; name: string; closed: boolean; onClose: () => void }

export function DevicesDialog({ workspace, name, closed, onClose }: DevicesDialogProps) {
  const engine = useEngine();
  const { data, error, reload } = useQuery("device.list", { workspace }, ["workspaces_changed", "user_joined"]);
  const [removing, setRemoving] = useState<Device | null>(null);
  const t = text.devices;
  const devices = data?.devices ?? [];
  if (removing) {
    const remove = () => engine.call("device.remove", { workspace, device: removing.device }).then(reload);
    return <ConfirmDialog title={t.removeTitle} message={t.removeText(t.device(shortFingerprint(removing.device)))} action={t.removeAction} onConfirm={remove} onClose={() => setRemoving(null)} />;
  }
  return (
    <Dialog open onClose={onClose} title={t.title(name)} text={t.text} width={480} closeLabel={text.close} testId="devices-dialog">
      {error && <Callout tone="danger">{error}</Callout>}
      <ul className="list" data-testid="device-list">
        {devices.map((one) => (
          <li key={one.device} className="list__item" data-testid="device" data-device={one.device}>
            <Laptop size={18} className="muted" aria-hidden="true" />
            <div className="list__main">
              <span className="truncate">{one.name}</span>
              <small className="mono selectable" title={t.fingerprint}>{fingerprint(one.device)}</small>
            </div>
            {one.you && <span className="badge badge--accent">{t.this}</span>}
            {one.first && !one.you && <span className="badge">{t.first}</span>}
            {!one.you && devices.length > 1 && !closed && <Button kind="danger-quiet" size="small" data-testid="device-remove" onClick={() => setRemoving(one)}>{t.remove}</Button>}
          </li>
        ))}
      </ul>
      {closed ? <Callout>{t.closed}</Callout> : <AddDevice key={devices.length} workspace={workspace} name={name} />}
    </Dialog>
  );
}

/** A link is used once: when a device has come, this begins anew. */
function AddDevice({ workspace, name }: { workspace: string; name: string }) {
  const engine = useEngine();
  const [made, setMade] = useState<{ link: string; expires: string } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.devices;
  const add = () => engine.call("device.add", { workspace }).then(setMade, (error: unknown) => setProblem(messageOf(error)));
  return (
    <section className="stack">
      <div className="row" style={{ gap: 12 }}>
        <p className="field__hint grow">{t.addText}</p>
        <Button kind={made ? "plain" : "primary"} data-testid="device-add" onClick={() => void add()}><Plus size={14} aria-hidden="true" />{t.add}</Button>
      </div>
      {made && <LinkCard key={made.link} testId="device" label={t.link} link={made.link} message={made.link} rows={5} hint={t.how(sayTime(made.expires, Date.now()))} fileName={t.fileName(name)} fileSaved={t.fileSaved} copyLabel={text.recovery.copy} />}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </section>
  );
}
