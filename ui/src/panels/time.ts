//! Times as people say them. Pure: the present is an argument.

const STEPS: readonly [limit: number, size: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [3600, 60, "minute"],
  [86_400, 3600, "hour"],
  [7 * 86_400, 86_400, "day"],
  [Number.POSITIVE_INFINITY, 7 * 86_400, "week"],
];

/** "Today", "Yesterday", or the date; empty for what is no time. */
export function sayDay(iso: string | null | undefined, now: number): string {
  const at = new Date(iso ?? Number.NaN);
  if (Number.isNaN(at.getTime())) return "";
  const days = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return at.toLocaleDateString("en", { day: "numeric", month: "long", ...(at.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" }) });
}

/** The hour and minute by this computer's clock. */
export function sayHour(iso: string | null | undefined): string {
  const at = new Date(iso ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** "5 min ago" (narrow: "5m ago"), "in 7 days"; "just now" within a minute; empty for what is no time. */
export function sayTime(iso: string | null | undefined, now: number, style: "short" | "narrow" = "short"): string {
  const at = iso ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(at)) return "";
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 60) return "just now";
  const [, size, unit] = STEPS.find(([limit]) => Math.abs(seconds) < limit) ?? [0, 7 * 86_400, "week" as const];
  return new Intl.RelativeTimeFormat("en", { style, numeric: "auto" }).format(Math.round(seconds / size), unit);
}
