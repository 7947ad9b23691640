//! Says that nothing can be changed here, and offers a viewer to ask for more.
import { Button } from "../components/Button";
import { text } from "../text";

interface ViewerBannerProps { closed: boolean; arriving: boolean; asking: boolean; onAsk: (asking: boolean) => void }

export function ViewerBanner({ closed, arriving, asking, onAsk }: ViewerBannerProps) {
  const t = text.requests;
  if (closed) return <div className="banner banner--viewer" role="status" data-testid="closed-banner">{text.closedBanner}</div>;
  if (arriving) return <div className="banner banner--viewer" role="status" data-testid="arriving-banner">{text.arrivingBanner}</div>;
  return (
    <div className="banner banner--viewer" role="status" data-testid="viewer-banner">
      <span className="grow">{asking ? t.asked : text.viewerBanner}</span>
      <Button size="small" data-testid="ask-to-edit" aria-pressed={asking} onClick={() => onAsk(!asking)}>{asking ? t.takeBack : t.ask}</Button>
    </div>
  );
}
