//! Says that nothing can be changed here: as a viewer, with a way to ask for more, or as somebody who is no member any more.
import { Button } from "../components/Button";
import { text } from "../text";

interface ViewerBannerProps { status: string | undefined; asking: boolean; onAsk: (asking: boolean) => void }

export function ViewerBanner({ status, asking, onAsk }: ViewerBannerProps) {
  const t = text.requests;
  if (status === "removed" || status === "closed") return <div className="banner banner--viewer" role="status" data-testid="removed-banner">{text.goneBanner[status]}</div>;
  return (
    <div className="banner banner--viewer" role="status" data-testid="viewer-banner">
      <span className="grow">{asking ? t.asked : text.viewerBanner}</span>
      <Button size="small" data-testid="ask-to-edit" aria-pressed={asking} onClick={() => onAsk(!asking)}>{asking ? t.takeBack : t.ask}</Button>
    </div>
  );
}
