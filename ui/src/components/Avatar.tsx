//! A member as a coloured circle with initials.
import type { CSSProperties } from "react";
import { initials, inkOn, safeColour } from "./colour";

interface AvatarProps {
  name: string;
  color: string;
  status?: string;
  small?: boolean;
}

export function Avatar({ name, color, status = "online", small = false }: AvatarProps) {
  const style = { "--avatar": safeColour(color), "--avatar-ink": inkOn(color) } as CSSProperties;
  return <span className={small ? "avatar avatar--small" : "avatar"} data-status={status} data-initials={initials(name)} style={style} aria-hidden="true" />;
}
