//! A labelled form row with a hint or an error sentence.
import { type ReactNode, useId } from "react";

interface FieldProps {
  label: string;
  hint?: string;
  error?: string | null;
  children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className="field">
      <label className="field__label" htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": note ? `${id}-note` : undefined, "aria-invalid": error ? true : undefined })}
      {note && <span id={`${id}-note`} className={error ? "field__error" : "field__hint"} role={error ? "alert" : undefined}>{note}</span>}
    </div>
  );
}
