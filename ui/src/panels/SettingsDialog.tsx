//! Name, colour and this device's fingerprint; the theme.
import { useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Segmented } from "../components/Segmented";
import { text } from "../text";
import { messageOf, type Profile, useEngine } from "./engine";
import { ProfileForm } from "./ProfileForm";

export type ThemeChoice = "system" | "light" | "dark";
interface SettingsDialogProps { profile: Profile; theme: ThemeChoice; onTheme: (theme: ThemeChoice) => void; onClose: () => void; onSaved: (profile: Profile) => void }

export function SettingsDialog({ profile, theme, onTheme, onClose, onSaved }: SettingsDialogProps) {
  const engine = useEngine();
  const [name, setName] = useState(profile.name);
  const [color, setColor] = useState(profile.color);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.settings;
  const save = () => engine.call<Profile>("profile.set", { name: name.trim(), color }).then((saved) => {
    onSaved(saved);
    onClose();
  }, (error: unknown) => setProblem(messageOf(error)));
  return (
    <Dialog open onClose={onClose} title={t.title} closeLabel={text.close} testId="settings-dialog" onSubmit={() => name.trim() && void save()} footer={<><Button kind="quiet" onClick={onClose}>{text.cancel}</Button><Button type="submit" kind="primary" disabled={!name.trim()} data-testid="settings-save">{t.save}</Button></>}>
      <ProfileForm name={name} color={color} onName={setName} onColor={setColor} />
      <Field label={t.theme}>{() => <div><Segmented label={t.theme} value={theme} options={(["system", "light", "dark"] as const).map((value) => ({ value, label: t.themes[value] }))} onChange={onTheme} /></div>}</Field>
      <Field label={t.fingerprint} hint={t.fingerprintHint}>{(props) => <input {...props} className="input mono" readOnly value={profile.fingerprint || profile.device} />}</Field>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </Dialog>
  );
}
