//! QR codes as the path of an SVG. Pure. Deliberately absent: reading them.
import qrcode from "qrcode-generator";

/** Modules of white around the code, which the standard asks for. */
const QUIET = 4;

/** The side in modules, white edge included, and one square a dark module; null for what no code can hold (2,953 bytes of UTF-8). */
export function qrPath(content: string): { side: number; path: string } | null {
  const code = qrcode(0, "L");
  // The library takes one byte a character.
  code.addData(String.fromCharCode(...new TextEncoder().encode(content)), "Byte");
  try {
    code.make();
  } catch {
    return null;
  }
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
    }
  }
  return { side: count + 2 * QUIET, path };
}
