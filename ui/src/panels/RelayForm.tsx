//! Adds a relay to the open workspace, after a test if one likes.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Field } from "../components/Field";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";
import { RelayVerdict } from "./RelayVerdict";
import { useRelayTest } from "./useRelayTest";

export function RelayForm({ workspace, onAdded }: { workspace: string; onAdded: () => void }) {
  const engine = useEngine();
  const [address, setAddress] = useState("");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { testing, result, test, clear } = useRelayTest();
  const t = text.network;
  const addr = address.trim();
  const add = () => {
    setBusy(true);
    setProblem(null);
    engine.call("relay.add", { workspace, addr, ...(token.trim() ? { token: token.trim() } : {}) }).then(() => {
      setAddress("");
      setToken("");
      clear();
      onAdded();
    }, (error: unknown) => setProblem(messageOf(error))).finally(() => setBusy(false));
  };
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      if (addr && !busy) add();
    }}>
      <Field label={t.address} hint={t.addressHint}>{(props) => <input {...props} className="input mono" spellCheck={false} autoComplete="off" value={address} placeholder="/dns4/relay.example.org/tcp/4717/p2p/…" data-testid="relay-address" onChange={(event) => {
        setAddress(event.target.value);
        clear();
      }} />}</Field>
      <Field label={t.token} hint={t.tokenHint}>{(props) => <input {...props} className="input mono" spellCheck={false} autoComplete="off" value={token} data-testid="relay-token" onChange={(event) => {
        setToken(event.target.value);
        clear();
      }} />}</Field>
      {result && <RelayVerdict result={result} />}
      {problem && <Callout tone="danger" testId="relay-problem">{problem}</Callout>}
      <div className="row">
        <Button disabled={!addr || testing} data-testid="relay-form-test" onClick={() => test(addr, token.trim())}>{testing ? t.testing : t.test}</Button>
        <Button type="submit" kind="primary" disabled={!addr || busy} data-testid="relay-add">{busy ? t.adding : t.add}</Button>
      </div>
    </form>
  );
}
