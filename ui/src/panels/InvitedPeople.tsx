//! After a workspace was made with the people of another one: a message for each of them, to copy.
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Avatar } from "../components/Avatar";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { text } from "../text";
import type { Invited } from "./inviteSame";
import { sayTime } from "./time";

export function InvitedPeople({ name, me, invited, onClose }: { name: string; me: string; invited: readonly Invited[]; onClose: () => void }) {
  const [copied, setCopied] = useState<readonly string[]>([]);
  const t = text.create;
  const copy = async ({ device, role, link, expires }: Invited) => {
    await navigator.clipboard?.writeText(text.share.message(me, name, text.roles[role], 1, sayTime(expires, Date.now()), link)).catch(() => undefined);
    setCopied((before) => [...before, device]);
  };
  return (
    <Dialog open onClose={onClose} title={t.madeTitle(name)} text={t.madeText} width={480} closeLabel={text.close} testId="invited-dialog" footer={<Button kind="primary" data-testid="invited-done" onClick={onClose}>{t.done}</Button>}>
      <ul className="list">
        {invited.map((one) => (
          <li key={one.device} className="list__item" data-testid="invited-item">
            <Avatar name={one.name} color={one.color} status="online" />
            <div className="list__main"><span className="truncate">{one.name}</span><small>{text.roles[one.role]}</small></div>
            {one.problem
              ? <Callout tone="danger">{t.notMade(one.name, one.problem)}</Callout>
              : <Button size="small" aria-label={t.copyFor(one.name)} data-testid="invited-copy" onClick={() => void copy(one)}>{copied.includes(one.device) ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}{copied.includes(one.device) ? text.share.copied : text.share.copy}</Button>}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
