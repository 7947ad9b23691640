import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initials, inkOn, safeColour } from "./colour";

const luminance = (hex: string): number => {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string): number => {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};
const colour = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 0, max: 255 }))).map((parts) => `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`);

describe("member colours", () => {
  it("always leave names readable", () => {
    fc.assert(fc.property(colour, (one) => {
      expect(contrast(one, inkOn(one))).toBeGreaterThanOrEqual(4.5);
    }));
  });

  it("are nothing but six hex digits when they reach a style", () => {
    for (const hostile of ["red", "url(https://example.org/x)", "#12345", "#1234567", "var(--x)", null, 7, "#12345g", "#123456;x"]) expect(safeColour(hostile)).toMatch(/^#[0-9a-f]{6}$/);
  });

  it("come with one or two letters", () => {
    expect([initials("Ana Duarte"), initials("  ben "), initials(""), initials("Ø"), initials("👩‍🔬 Kim")]).toEqual(["AD", "B", "?", "Ø", "👩K"]);
  });
});
