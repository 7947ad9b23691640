//! Times as people say them. Pure: the present is an argument.

const STEPS: readonly [limit: number, size: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [3600, 60, "minute"],
  [86_400, 3600, "hour"],
  [7 * 86_400, 86_400, "day"],
  [Number.POSITIVE_INFINITY, 7 * 86_400, "week"],
];

/** "5 min ago", "in 7 days"; "just now" within a minute; empty for what is no time. */
export function sayTime(iso: string | undefined, now: number): string {
  const at = iso ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(at)) return "";
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 60) return "just now";
  const [, size, unit] = STEPS.find(([limit]) => Math.abs(seconds) < limit) ?? [0, 7 * 86_400, "week" as const];
  return new Intl.RelativeTimeFormat("en", { style: "short", numeric: "auto" }).format(Math.round(seconds / size), unit);
}
