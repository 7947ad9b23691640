//! Says that nothing can be changed here, and offers to ask for more.
import { Button } from "../components/Button";
import { text } from "../text";

export function ViewerBanner({ asking, onAsk }: { asking: boolean; onAsk: (asking: boolean) => void }) {
  const t = text.requests;
  return (
    <div className="banner banner--viewer" role="status" data-testid="viewer-banner">
      <span className="grow">{asking ? t.asked : text.viewerBanner}</span>
      <Button size="small" data-testid="ask-to-edit" aria-pressed={asking} onClick={() => onAsk(!asking)}>{asking ? t.takeBack : t.ask}</Button>
    </div>
  );
}
