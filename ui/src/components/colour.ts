//! Readable ink on a member's colour, and initials. Colours come from other people: anything that is not #rrggbb becomes grey.

const FALLBACK = "#77766e";

/** Returns the colour when it is a plain six-digit hex colour, else grey: nothing else may reach a style attribute. */
export function safeColour(colour: unknown): string {
  return typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour) ? colour : FALLBACK;
}

/** Below this relative luminance white reaches a contrast of 4.5 : 1; above it black does. */
const WHITE_BELOW = 0.183;

/** Chooses the ink that reaches WCAG's 4.5 : 1 on this colour: one of the two always does. */
export function inkOn(colour: string): string {
  const hex = safeColour(colour);
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > WHITE_BELOW ? "#000000" : "#ffffff";
}

/** Returns one or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words[words.length - 1] ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}

/** The style variables that presence marks read: `--who` and `--who-ink`. */
export function whoStyle(colour: unknown): Record<string, string> {
  const safe = safeColour(colour);
  return { "--who": safe, "--who-ink": inkOn(safe) };
}
