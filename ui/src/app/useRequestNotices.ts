//! Tells an owner once of each viewer who asks for edit rights, with a way to answer.
import { useEffect } from "react";
import { toast } from "sonner";
import type { Session } from "../graph/model/session";
import { text } from "../text";
import type { DialogName } from "./dialogs";

/** Long enough to read and reach, as it wants an answer. */
const SHOWN_MS = 20_000;

export function useRequestNotices(session: Session | null, owner: boolean, show: (name: DialogName) => void) {
  useEffect(() => {
    if (!session || !owner) return;
    const { presence } = session;
    let told = new Set<string>();
    const look = () => {
      const asking = presence.roster().filter((one) => one.asks === "editor");
      for (const one of asking) {
        if (!told.has(one.device)) toast(text.requests.asks(one.name), { duration: SHOWN_MS, action: { label: text.requests.show, onClick: () => show("share") } });
      }
      told = new Set(asking.map((one) => one.device));
    };
    look();
    return presence.subscribeMarks(look);
  }, [session, owner, show]);
}
