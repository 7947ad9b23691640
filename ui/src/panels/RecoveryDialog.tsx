//! Makes a recovery key and shows it once: to copy, to save as a file, to print. It is closed only when it was kept somehow, or twice.
import { Copy, FileDown, KeyRound, Printer } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { QrCode } from "../components/QrCode";
import { text } from "../text";
import { messageOf, useEngine, useQuery } from "./engine";

export function RecoveryDialog({ workspace, name, onMade, onClose }: { workspace: string; name: string; onMade: () => void; onClose: () => void }) {
  const engine = useEngine();
  const [key, setKey] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { data } = useQuery("workspace.members", { workspace });
  const before = data?.members.some((one) => one.recovery) ?? false;
  const t = text.recovery;
  const make = async () => {
    setBusy(true);
    try {
      const made = await engine.call("recovery.create", { workspace });
      setKey(made.recovery);
      onMade();
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  if (key) return <ShownOnce name={name} secret={key} onClose={onClose} />;
  return (
    <Dialog open onClose={onClose} title={t.title(name)} text={t.text} width={480} closeLabel={text.close} testId="recovery-dialog" footer={<><Button kind="quiet" onClick={onClose}>{text.offer.later}</Button><Button kind="primary" disabled={busy} data-testid="recovery-make" onClick={() => void make()}><KeyRound size={14} aria-hidden="true" />{busy ? t.making : t.make}</Button></>}>
      <p>{t.warning}</p>
      {before && <Callout>{t.made}</Callout>}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}

function ShownOnce({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const engine = useEngine();
  const [kept, setKept] = useState(false);
  const [copied, setCopied] = useState(false);
  const [warned, setWarned] = useState(false);
  const t = text.recovery;
  const paper = t.document(name, new Date().toLocaleDateString("en", { dateStyle: "long" }), secret);
  const close = () => (kept || warned ? onClose() : setWarned(true));
  const copy = async () => {
    await navigator.clipboard?.writeText(paper).catch(() => undefined);
    setCopied(true);
    setKept(true);
  };
  const save = () => engine.saveFile(`${t.fileName(name)}.txt`, new TextEncoder().encode(paper)).then((path) => {
    toast.success(t.saved, { description: path });
    setKept(true);
  }, (error: unknown) => toast.error(messageOf(error)));
  const print = () => {
    window.print();
    setKept(true);
  };
  return (
    <Dialog open onClose={close} title={t.title(name)} text={t.warning} width={520} closeLabel={text.close} testId="recovery-dialog" footer={<Button kind={kept ? "primary" : "plain"} data-testid="recovery-kept" onClick={close}>{t.kept}</Button>}>
      <div className="print stack">
        <textarea className="input mono message" readOnly rows={8} value={paper} aria-label={t.key} data-testid="recovery-key" onFocus={(event) => event.currentTarget.select()} />
        <pre className="print__only">{paper}</pre>
        <figure className="print__only"><QrCode content={secret} label={t.key} /></figure>
      </div>
      <div className="row">
        <Button kind={kept ? "plain" : "primary"} data-testid="recovery-save" onClick={() => void save()}><FileDown size={14} aria-hidden="true" />{t.save}</Button>
        <Button data-testid="recovery-print" onClick={print}><Printer size={14} aria-hidden="true" />{t.print}</Button>
        <Button data-testid="recovery-copy" onClick={() => void copy()}><Copy size={14} aria-hidden="true" />{copied ? t.copied : t.copy}</Button>
      </div>
      {warned && !kept && <Callout tone="warn" testId="recovery-not-kept">{t.notKept}</Callout>}
    </Dialog>
  );
}
