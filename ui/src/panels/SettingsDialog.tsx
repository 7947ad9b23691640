//! The settings on two pages: who one is, and how one is reached.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Segmented } from "../components/Segmented";
import { text } from "../text";
import { messageOf, type Profile, type Summary, useEngine } from "./engine";
import { NetworkPage } from "./NetworkPage";
import { ProfileForm } from "./ProfileForm";

export type ThemeChoice = "system" | "light" | "dark";
export type SettingsPage = "you" | "network";

interface SettingsDialogProps {
  profile: Profile;
  summary: Summary | null;
  first?: SettingsPage;
  theme: ThemeChoice;
  onTheme: (theme: ThemeChoice) => void;
  /** Shows the devices of the open workspace; null without one. */
  onDevices: (() => void) | null;
  onClose: () => void;
  onSaved: (profile: Profile) => void;
}

export function SettingsDialog({ profile, summary, first = "you", theme, onTheme, onDevices, onClose, onSaved }: SettingsDialogProps) {
  const engine = useEngine();
  const [page, setPage] = useState(first);
  const [name, setName] = useState(profile.name);
  const [color, setColor] = useState(profile.color);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.settings;
  const save = () => engine.call("profile.set", { name: name.trim(), color }).then((saved) => {
    onSaved(saved);
    onClose();
  }, (error: unknown) => setProblem(messageOf(error)));
  const you = page === "you";
  const footer = <><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!name.trim()} data-testid="settings-save">{t.save}</Button></>;
  return (
    <Dialog open onClose={onClose} title={t.title} width={520} closeLabel={text.close} testId="settings-dialog" onSubmit={you ? () => name.trim() && void save() : undefined} footer={you && footer}>
      <div><Segmented label={t.title} value={page} testId="settings-pages" options={(["you", "network"] as const).map((value) => ({ value, label: t.pages[value] }))} onChange={setPage} /></div>
      {you ? (
        <>
          <ProfileForm name={name} color={color} onName={setName} onColor={setColor} />
          <Field label={t.theme}>{() => <div><Segmented label={t.theme} value={theme} options={(["system", "light", "dark"] as const).map((value) => ({ value, label: t.themes[value] }))} onChange={onTheme} /></div>}</Field>
          <Field label={t.fingerprint} hint={t.fingerprintHint}>{(props) => <input {...props} className="input mono" readOnly value={profile.fingerprint || profile.device} />}</Field>
          {onDevices && <div><Button data-testid="settings-devices" onClick={onDevices}>{t.devices}</Button></div>}
          {problem && <Callout tone="danger">{problem}</Callout>}
        </>
      ) : <NetworkPage summary={summary} />}
    </Dialog>
  );
}
