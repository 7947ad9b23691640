//! Offers the founder of a new workspace a way back for the day this computer is lost: once, until it is taken or put off.
import { X } from "lucide-react";
import { Button } from "../components/Button";
import { IconButton } from "../components/IconButton";
import { text } from "../text";

interface OfferBannerProps { onRecovery: () => void; onOwner: () => void; onDismiss: () => void }

export function OfferBanner({ onRecovery, onOwner, onDismiss }: OfferBannerProps) {
  const t = text.offer;
  return (
    <div className="banner" role="status" data-testid="offer-banner">
      <span className="grow">{t.text}</span>
      <Button size="small" data-testid="offer-recovery" onClick={onRecovery}>{t.recovery}</Button>
      <Button size="small" data-testid="offer-owner" onClick={onOwner}>{t.owner}</Button>
      <IconButton size="small" label={t.later} data-testid="offer-dismiss" onClick={onDismiss}><X size={14} /></IconButton>
    </div>
  );
}
