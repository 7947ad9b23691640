//! Leaves a workspace. Its last owner hands it over first, or closes it.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Select } from "../components/Select";
import { text } from "../text";
import { ConfirmDialog } from "./ConfirmDialog";
import { type Member, messageOf, type Summary, useEngine, useQuery } from "./engine";
import { heirsOf } from "./heirs";

interface LeaveDialogProps { summary: Summary; onClose: () => void; onCloseWorkspace: () => void }

export function LeaveDialog({ summary, onClose, onCloseWorkspace }: LeaveDialogProps) {
  const engine = useEngine();
  const { workspace, name, role, status } = summary;
  const { data, error } = useQuery("workspace.members", { workspace });
  const devices = useQuery("device.list", { workspace });
  // Only the first device gives up the person's role; another one goes by itself.
  const alone = devices.data?.devices.some((one) => one.you && !one.first) ?? false;
  const leave = () => engine.call("workspace.leave", { workspace });
  const heirs = heirsOf(data?.members ?? []);
  if ((!data && !error) || (!devices.data && !devices.error)) return null;
  if (!alone && role === "owner" && status === "member" && heirs) return <HandOver name={name} heirs={heirs} onClose={onClose} onCloseWorkspace={onCloseWorkspace} onHandOver={(member) => engine.call("member.transfer", { workspace, member }).then(leave)} />;
  return <ConfirmDialog title={text.confirm.leaveTitle(name)} message={alone ? text.confirm.leaveDeviceText : text.confirm.leaveText} action={text.confirm.leave} onConfirm={leave} onClose={onClose} />;
}

interface HandOverProps { name: string; heirs: readonly Member[]; onHandOver: (member: string) => Promise<unknown>; onClose: () => void; onCloseWorkspace: () => void }

function HandOver({ name, heirs, onHandOver, onClose, onCloseWorkspace }: HandOverProps) {
  const [heir, setHeir] = useState(heirs[0]?.device ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.leaving;
  const run = () => onHandOver(heir).then(onClose, (error: unknown) => setProblem(messageOf(error)));
  return (
    <Dialog open onClose={onClose} title={t.lastTitle(name)} text={t.lastText} closeLabel={text.close} testId="hand-over-dialog" onSubmit={() => void run()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button kind="danger-quiet" data-testid="leave-close" onClick={onCloseWorkspace}>{t.close}</Button><Button type="submit" kind="primary" data-testid="hand-over">{t.handOver}</Button></>}>
      <Field label={t.to}>{(props) => <Select {...props} value={heir} data-testid="heir" options={heirs.map((one) => ({ value: one.device, label: `${one.name} · ${text.roles[one.role] ?? one.role}` }))} onChange={setHeir} />}</Field>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
