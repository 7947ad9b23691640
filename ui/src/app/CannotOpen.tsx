//! What the window shows when the engine cannot open: what is wrong, in words, and the ways on that this failure has.
import { KeyRound, Lock, MonitorX, RefreshCw } from "lucide-react";
import { useEffect, useState } from "react";
import type { BackendError, KeyFacts } from "../backend/types";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Field } from "../components/Field";
import { messageOf, useEngine } from "../panels/engine";
import { text } from "../text";

/** Failures of the system's key store; in a folder without a database a passphrase may take its place. */
const KEY_STORE = ["no_keyring", "keyring_locked", "keyring_denied", "keyring_not_answering"];
const MIN_PASSPHRASE = 8;

/** `onRetried` asks the engine again. */
export function CannotOpen({ failure, onRetried }: { failure: BackendError; onRetried: () => void }) {
  const engine = useEngine();
  const [key, setKey] = useState<KeyFacts | null>(null);
  const [choosing, setChoosing] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    engine.call("window.key").then(setKey, () => undefined);
  }, [engine, failure]);
  const t = text.cannotOpen;
  const words = t.reasons[failure.code as keyof typeof t.reasons] ?? t.other;
  const asked = failure.code === "passphrase_needed" || failure.code === "wrong_passphrase";
  const mayChoose = KEY_STORE.includes(failure.code) && key?.fresh === true;
  const retry = () => {
    setBusy(true);
    void engine.call("window.retry").then(onRetried, onRetried);
  };
  const Icon = asked ? Lock : failure.code.startsWith("key") || failure.code === "no_keyring" ? KeyRound : MonitorX;
  return (
    <main className="welcome" data-testid="cannot-open" data-code={failure.code}>
      <div className="welcome__card">
        <div className="stack-s">
          <Icon size={24} strokeWidth={1.5} aria-hidden="true" className="welcome__mark" />
          <h1>{words.title}</h1>
          <p className="muted">{words.text}</p>
        </div>
        {!asked && <Callout><span className="selectable" data-testid="cannot-open-detail">{failure.message}</span></Callout>}
        {asked || choosing ? (
          <PassphraseForm fresh={!asked} wrong={failure.code === "wrong_passphrase"} onDone={onRetried} />
        ) : (
          <div className="row">
            <Button kind="primary" size="large" disabled={busy} data-testid="retry" onClick={retry}><RefreshCw size={14} aria-hidden="true" />{t.retry}</Button>
            {mayChoose && <Button size="large" data-testid="choose-passphrase" onClick={() => setChoosing(true)}>{t.usePassphrase}</Button>}
          </div>
        )}
        {key && <p className="welcome__folder muted">{t.folder} <span className="mono selectable">{key.folder}</span></p>}
      </div>
    </main>
  );
}

/** Asks for the passphrase; for a new one twice, with what forgetting it means. */
function PassphraseForm({ fresh, wrong, onDone }: { fresh: boolean; wrong: boolean; onDone: () => void }) {
  const engine = useEngine();
  const [phrase, setPhrase] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState<string | null>(wrong ? text.cannotOpen.wrong : null);
  const [busy, setBusy] = useState(false);
  const t = text.cannotOpen;
  const ready = phrase.length >= MIN_PASSPHRASE && (!fresh || phrase === again) && !busy;
  const unlock = () => {
    setBusy(true);
    engine.call("window.unlock", { passphrase: phrase }).then(onDone, (error: unknown) => {
      setProblem(messageOf(error));
      setBusy(false);
    });
  };
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      if (ready) unlock();
    }}>
      <Field label={t.passphrase} hint={fresh ? t.passphraseHint : undefined} error={problem}>
        {(props) => <input {...props} className="input" type="password" autoFocus autoComplete="off" value={phrase} data-testid="passphrase" onChange={(event) => {
          setProblem(null);
          setPhrase(event.target.value);
        }} />}
      </Field>
      {fresh && (
        <Field label={t.again} error={again && again !== phrase ? t.differ : null}>
          {(props) => <input {...props} className="input" type="password" autoComplete="off" value={again} data-testid="passphrase-again" onChange={(event) => setAgain(event.target.value)} />}
        </Field>
      )}
      <div><Button type="submit" kind="primary" size="large" disabled={!ready} data-testid="unlock">{busy ? t.opening : fresh ? t.keepUnder : t.open}</Button></div>
    </form>
  );
}
