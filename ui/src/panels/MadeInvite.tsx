//! One invitation that was made: its message to copy or save as a file, its link as a QR code, and when it can be used.
import { Check, Copy, FileDown, QrCode as QrIcon } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { QrCode } from "../components/QrCode";
import { text } from "../text";
import { messageOf, type NetworkStatus, useEngine, useQuery } from "./engine";
import { reachOf } from "./reach";

export function MadeInvite({ name, link, message }: { name: string; link: string; message: string }) {
  const engine = useEngine();
  const [copied, setCopied] = useState(false);
  const [code, setCode] = useState(false);
  const network = useQuery<NetworkStatus>("network.status", {}, ["sync_state"]);
  const t = text.share;
  const copy = async () => {
    await navigator.clipboard?.writeText(message).catch(() => undefined);
    setCopied(true);
  };
  const save = () => engine.saveFile(`${t.fileName(name)}.txt`, new TextEncoder().encode(message)).then(
    (path) => toast.success(t.fileSaved, { description: path }),
    (error: unknown) => toast.error(messageOf(error)),
  );
  return (
    <div className="stack-s">
      <textarea className="input message" readOnly rows={7} value={message} aria-label={t.link} data-testid="invite-link" onFocus={(event) => event.currentTarget.select()} />
      <span className="field__hint" data-testid="invite-reach">{reachOf(network.data)}</span>
      <div className="row">
        <Button size="small" aria-pressed={code} data-testid="invite-code" onClick={() => setCode(!code)}><QrIcon size={14} aria-hidden="true" />{t.code}</Button>
        <Button size="small" data-testid="invite-file" onClick={() => void save()}><FileDown size={14} aria-hidden="true" />{t.file}</Button>
        <span className="grow" />
        <Button kind={copied ? "plain" : "primary"} onClick={() => void copy()} data-testid="invite-copy">{copied ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}{copied ? t.copied : t.copy}</Button>
      </div>
      {code && (
        <figure className="qr__frame">
          <QrCode content={link} label={t.code} testId="invite-qr" />
          <figcaption>{t.codeHint}</figcaption>
        </figure>
      )}
    </div>
  );
}
