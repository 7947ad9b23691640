//! What changed while one was away, until it is looked at or dismissed.
import { X } from "lucide-react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { listNames } from "../panels/statusSentence";
import { text } from "../text";
import type { Away } from "./useAway";

export function AwayBanner({ away, onShow, onDismiss }: { away: Away; onShow: () => void; onDismiss: () => void }) {
  const t = text.away;
  return (
    <div className="banner banner--away" role="status" data-testid="away-banner">
      <span className="grow">{t.text(listNames(away.names), away.changes)}</span>
      <Button size="small" data-testid="away-show" onClick={onShow}>{t.show(away.changes)}</Button>
      <IconButton size="small" label={t.dismiss} data-testid="away-dismiss" onClick={onDismiss}><X size={14} /></IconButton>
    </div>
  );
}
