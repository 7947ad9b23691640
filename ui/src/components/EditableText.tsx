//! A text field that commits once: on Enter or on leaving, when the value changed; Esc gives it up. Remote changes show while it is not focused.
import { type ComponentProps, type KeyboardEvent, useEffect, useRef, useState } from "react";

interface EditableTextProps extends Omit<ComponentProps<"input">, "value" | "onChange"> {
  value: string;
  onCommit: (value: string) => void;
  /** An empty value is given up instead of committed. */
  required?: boolean;
}

export function EditableText({ value, onCommit, required = false, onBlur, onFocus, onKeyDown, ...rest }: EditableTextProps) {
  const [draft, setDraft] = useState(value);
  const focused = useRef(false);
  const abandoned = useRef(false);
  useEffect(() => {
    if (!focused.current) setDraft(value);
  }, [value]);
  const keys = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter") event.currentTarget.blur();
    if (event.key === "Escape") {
      abandoned.current = true;
      event.currentTarget.blur();
    }
    event.stopPropagation();
    onKeyDown?.(event);
  };
  return (
    <input
      {...rest}
      value={draft}
      onChange={(event) => setDraft(event.target.value)}
      onFocus={(event) => {
        focused.current = true;
        abandoned.current = false;
        onFocus?.(event);
      }}
      onBlur={(event) => {
        focused.current = false;
        const next = draft.trim();
        if (abandoned.current || next === value || (required && !next)) setDraft(value);
        else onCommit(next);
        onBlur?.(event);
      }}
      onKeyDown={keys}
    />
  );
}
