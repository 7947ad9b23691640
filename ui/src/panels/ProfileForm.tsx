//! Name and colour: shared by the first run and the settings.
import { useState } from "react";
import { Field } from "../components/Field";
import { text } from "../text";

export const COLOURS = ["#2f6fde", "#0d7d72", "#357a28", "#8f6200", "#bd4a1c", "#c7366b", "#8a4fd0", "#5f6b7a"] as const;

interface ProfileFormProps { name: string; color: string; onName: (name: string) => void; onColor: (color: string) => void }

export function ProfileForm({ name, color, onName, onColor }: ProfileFormProps) {
  const t = text.profile;
  // A colour that the engine found for this device stays among those to choose from.
  const [first] = useState(color.toLowerCase());
  const own = !(COLOURS as readonly string[]).includes(first);
  return (
    <>
      <Field label={t.name} hint={t.nameHint}>{(props) => <input {...props} className="input" autoFocus maxLength={60} value={name} data-testid="profile-name" onChange={(event) => onName(event.target.value)} />}</Field>
      <Field label={t.color}>
        {() => (
          <div className="swatches" role="radiogroup" aria-label={t.color}>
            {own && <button type="button" role="radio" aria-label={t.ownColour} aria-checked={first === color.toLowerCase()} style={{ "--swatch": first } as React.CSSProperties} onClick={() => onColor(first)} />}
            {COLOURS.map((one, index) => <button key={one} type="button" role="radio" aria-label={t.colours[index]} aria-checked={one === color.toLowerCase()} style={{ "--swatch": one } as React.CSSProperties} onClick={() => onColor(one)} />)}
          </div>
        )}
      </Field>
    </>
  );
}
