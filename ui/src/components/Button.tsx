//! The one button. Deliberately absent: links, loading spinners (a disabled button with a changed label says more).
import type { ComponentProps } from "react";

export type ButtonKind = "quiet" | "plain" | "primary" | "danger" | "danger-quiet";

export interface ButtonProps extends ComponentProps<"button"> {
  kind?: ButtonKind;
  size?: "small" | "normal" | "large";
  /** Square, for a single icon; give it an aria-label. */
  icon?: boolean;
}

export function Button({ kind = "plain", size = "normal", icon = false, className, type = "button", ...rest }: ButtonProps) {
  const names = ["button", `button--${kind}`, size !== "normal" && `button--${size}`, icon && "button--icon", className];
  return <button type={type} className={names.filter(Boolean).join(" ")} {...rest} />;
}
