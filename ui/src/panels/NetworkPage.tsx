//! The network page of the settings: the relays, adding and testing one, and being reached by relays alone.
import { useEffect, useId, useState } from "react";
import { Callout } from "../components/Callout";
import { Switch } from "../components/Switch";
import { text } from "../text";
import { messageOf, type Summary, useEngine, useQuery } from "./engine";
import { RelayForm } from "./RelayForm";
import { RelayList } from "./RelayList";
import { relayRows } from "./relayRows";

/** How often the list looks again while it is shown: reservations come and go without an event. */
const LOOK_AGAIN_MS = 1500;

export function NetworkPage({ summary }: { summary: Summary | null }) {
  const engine = useEngine();
  const workspace = summary?.status === "member" ? summary.workspace : null;
  const network = useQuery("network.status", {});
  const relays = useQuery("relay.list", workspace ? { workspace } : null);
  const [problem, setProblem] = useState<string | null>(null);
  const only = useId();
  const t = text.network;
  const { reload: lookAtNetwork } = network;
  const { reload: lookAtRelays } = relays;
  useEffect(() => {
    const timer = setInterval(() => {
      lookAtNetwork();
      lookAtRelays();
    }, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [lookAtNetwork, lookAtRelays]);
  const mayChange = workspace !== null && summary?.role !== "viewer";
  const rows = relayRows((workspace && relays.data?.relays) || [], network.data?.relays ?? []);
  const change = (work: Promise<unknown>) => work.then(() => {
    setProblem(null);
    lookAtNetwork();
    lookAtRelays();
  }, (error: unknown) => setProblem(messageOf(error)));
  const hidden = network.data?.relay_only ?? false;
  return (
    <>
      <section className="stack">
        <div>
          <h3>{t.relays}{workspace && <span className="muted"> {t.of(summary?.name || text.workspaces.unnamed)}</span>}</h3>
          <p className="field__hint">{t.text}</p>
        </div>
        {rows.length > 0 ? <RelayList rows={rows} onRemove={mayChange ? (addr) => void change(engine.call("relay.remove", { workspace, addr })) : null} /> : network.data && <p className="muted" data-testid="no-relays">{t.none}</p>}
        {mayChange ? <RelayForm workspace={workspace} onAdded={() => void change(Promise.resolve())} /> : <Callout>{workspace ? t.editorOnly : t.noWorkspace}</Callout>}
        {problem && <Callout tone="danger">{problem}</Callout>}
      </section>
      <section className="stack-s">
        <div className="row">
          <Switch id={only} checked={hidden} disabled={!network.data} aria-describedby={`${only}-hint`} data-testid="relay-only" onChange={(on) => void change(engine.call("network.set", { relay_only: on }))} />
          <label htmlFor={only} className="field__label">{t.only}</label>
        </div>
        <p id={`${only}-hint`} className="field__hint">{t.onlyHint}</p>
        {hidden && network.data?.relays?.length === 0 && <Callout tone="warn" testId="relay-only-alone">{t.onlyAlone}</Callout>}
      </section>
    </>
  );
}
