//! What a camera reads from our QR codes is what was put in, for links of every length that there is.
import jsQR from "jsqr";
import { expect, test } from "vitest";
import { qrPath } from "./qr";

const SCALE = 3;

function photograph(content: string): string | undefined {
  const code = qrPath(content);
  if (!code) return undefined;
  const width = code.side * SCALE;
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y] of code.path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let dy = 0; dy < SCALE; dy += 1) {
      for (let dx = 0; dx < SCALE; dx += 1) {
        const at = ((Number(y) * SCALE + dy) * width + Number(x) * SCALE + dx) * 4;
        pixels.fill(0, at, at + 3);
      }
    }
  }
  return jsQR(pixels, width, width)?.data;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const link = (length: number) => `omniscope://join#${Array.from({ length }, (_, i) => letters[(i * 37 + length) % 64]).join("")}`;

test.each([40, 600, 980, 1400])("a link of %i characters is read as it is", (length) => {
  expect(photograph(link(length))).toBe(link(length));
});

test("letters of any script are read as they are", () => {
  expect(photograph("Prüfung 検査 🧬")).toBe("Prüfung 検査 🧬");
});

test("what fits into no code gives none", () => {
  expect(qrPath("x".repeat(3000))).toBeNull();
});
