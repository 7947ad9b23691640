//! An on/off switch with an accessible name.
import type { ComponentProps } from "react";

interface SwitchProps extends Omit<ComponentProps<"button">, "onChange"> {
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ checked, onChange, ...rest }: SwitchProps) {
  return <button type="button" role="switch" aria-checked={checked} className="switch" onClick={() => onChange(!checked)} {...rest} />;
}
