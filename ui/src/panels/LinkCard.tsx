//! A secret link that was made: its text to copy or save as a file, the link as a QR code.
import { Check, Copy, FileDown, QrCode as QrIcon } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { QrCode } from "../components/QrCode";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";

interface LinkCardProps { testId: string; label: string; link: string; message: string; rows: number; hint?: string; fileName: string; fileSaved: string; copyLabel: string }

/** Test ids are `testId` and a word: `invite-link`, `invite-code`, `invite-qr`, `invite-file`, `invite-copy`, `invite-reach`. */
export function LinkCard({ testId, label, link, message, rows, hint, fileName, fileSaved, copyLabel }: LinkCardProps) {
  const engine = useEngine();
  const [copied, setCopied] = useState(false);
  const [code, setCode] = useState(false);
  const t = text.share;
  const copy = async () => {
    await navigator.clipboard?.writeText(message).catch(() => undefined);
    setCopied(true);
  };
  const save = () => engine.saveFile(`${fileName}.txt`, new TextEncoder().encode(message)).then(
    (path) => toast.success(fileSaved, { description: path }),
    (error: unknown) => toast.error(messageOf(error)),
  );
  return (
    <div className="stack-s">
      <textarea className="input message" readOnly rows={rows} value={message} aria-label={label} data-testid={`${testId}-link`} onFocus={(event) => event.currentTarget.select()} />
      {hint !== undefined && <span className="field__hint" data-testid={`${testId}-reach`}>{hint}</span>}
      <div className="row">
        <Button size="small" aria-pressed={code} data-testid={`${testId}-code`} onClick={() => setCode(!code)}><QrIcon size={14} aria-hidden="true" />{t.code}</Button>
        <Button size="small" data-testid={`${testId}-file`} onClick={() => void save()}><FileDown size={14} aria-hidden="true" />{t.file}</Button>
        <span className="grow" />
        <Button kind={copied ? "plain" : "primary"} onClick={() => void copy()} data-testid={`${testId}-copy`}>{copied ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}{copied ? t.copied : copyLabel}</Button>
      </div>
      {code && (
        <figure className="qr__frame">
          <QrCode content={link} label={t.code} testId={`${testId}-qr`} />
          <figcaption>{t.codeHint}</figcaption>
        </figure>
      )}
    </div>
  );
}
