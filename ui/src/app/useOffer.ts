//! Whether a workspace that was made in this window still has the offer of a recovery key open. It is made by hand, not for the sample, and never comes again.
import { useCallback, useState } from "react";

const KEY = "omniscope.offer.";

export function useOffer(workspace: string | null): { offered: boolean; offer: (workspace: string) => void; dismiss: () => void } {
  const [, look] = useState(0);
  const offered = workspace !== null && localStorage.getItem(KEY + workspace) !== null;
  const offer = useCallback((made: string) => {
    localStorage.setItem(KEY + made, "1");
    look((count) => count + 1);
  }, []);
  const dismiss = useCallback(() => {
    if (workspace) localStorage.removeItem(KEY + workspace);
    look((count) => count + 1);
  }, [workspace]);
  return { offered, offer, dismiss };
}
