import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeXml, pictureOf } from "./picture";

const ink = { paper: "#fff", card: "#fff", line: "#ccc", wire: "#aaa", ink: "#000", faint: "#666" };
const card = (label: string) => ({ id: "a", x: 10, y: 20, width: 208, height: 58, label, sub: "", color: "#123456", disabled: false });

describe("pictureOf", () => {
  it("frames everything with room around it", () => {
    const picture = pictureOf([card("A"), { ...card("B"), x: 400, y: 300 }], [], [{ from: [218, 49], to: [400, 329] }], ink);
    expect(picture).toMatchObject({ width: 598 + 80, height: 338 + 80 });
    expect(picture?.svg).toContain('viewBox="-30 -20 678 418"');
  });

  it("draws nothing of nothing", () => {
    expect(pictureOf([], [], [], ink)).toBeNull();
  });

  it("writes words of the document as words only", () => {
    const svg = pictureOf([card("<script>alert(1)</script>")], [{ ...card(""), text: '"><image href="https://example.org/x"/>', color: "#eee" }], [], ink)?.svg ?? "";
    expect(svg).not.toMatch(/<script|<image/);
  });

  it("leaves no markup whatever the text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(escapeXml(text)).not.toMatch(/[<>"'\u0000-\u0008]/);
    }));
  });
});
