//! The platform's own select, in our clothes: keyboard and screen readers come with it.
import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";

interface SelectProps extends Omit<ComponentProps<"select">, "onChange"> {
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

export function Select({ options, onChange, ...rest }: SelectProps) {
  return (
    <span className="select">
      <select className="input" onChange={(event) => onChange(event.target.value)} {...rest}>
        {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
      </select>
      <ChevronDown size={14} />
    </span>
  );
}
