//! An icon with a name: the tooltip and the accessible label are one string.
import type { ReactNode } from "react";
import { Button, type ButtonProps } from "./Button";
import { Tip } from "./Tip";

interface IconButtonProps extends Omit<ButtonProps, "icon" | "children"> {
  label: string;
  keys?: string;
  side?: "top" | "bottom" | "left" | "right";
  children: ReactNode;
}

export function IconButton({ label, keys, side, kind = "quiet", children, ...rest }: IconButtonProps) {
  return (
    <Tip label={label} keys={keys} side={side}>
      <Button icon kind={kind} aria-label={label} {...rest}>
        {children}
      </Button>
    </Tip>
  );
}
