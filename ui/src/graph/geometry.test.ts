import { describe, expect, it } from "vitest";
import { align, type Box, bounds, distribute, freePlace, mapOnto } from "./geometry";
import { tidy } from "./tidy";

const box = (id: string, x: number, y: number, width = 200, height = 60): Box => ({ id, x, y, width, height });
const apply = (boxes: Box[], moves: Map<string, [number, number]>): Box[] =>
  boxes.map((one) => {
    const to = moves.get(one.id);
    return to ? { ...one, x: to[0], y: to[1] } : one;
  });

describe("align", () => {
  const boxes = [box("a", 0, 0), box("b", 40, 100, 100), box("c", 20, 200)];

  it("shares the named edge and leaves the other axis", () => {
    const left = apply(boxes, align(boxes, "left"));
    expect(left.map((one) => one.x)).toEqual([0, 0, 0]);
    expect(left.map((one) => one.y)).toEqual([0, 100, 200]);
    const right = apply(boxes, align(boxes, "right"));
    expect(new Set(right.map((one) => one.x + one.width)).size).toBe(1);
  });

  it("names only what moves", () => {
    expect(align(boxes, "left").has("a")).toBe(false);
    expect(align(apply(boxes, align(boxes, "left")), "left").size).toBe(0);
  });
});

describe("distribute", () => {
  it("leaves equal gaps and the outermost in place", () => {
    const boxes = [box("a", 0, 0), box("b", 210, 0), box("c", 800, 0)];
    const after = apply(boxes, distribute(boxes, "x")).sort((p, q) => p.x - q.x);
    expect(after[0]?.x).toBe(0);
    expect(after[2]?.x).toBe(800);
    expect(after[1]?.x).toBe(400);
  });

  it("does nothing to two", () => {
    expect(distribute([box("a", 0, 0), box("b", 5, 5)], "y").size).toBe(0);
  });
});

describe("mapOnto", () => {
  it("fits everything into the middle, whatever its shape and place", () => {
    for (const boxes of [[box("a", -900, 40), box("b", 3000, 90)], [box("a", 5, -4000), box("b", 5, 70)], [box("a", 1e6, 1e6)]]) {
      const map = mapOnto(boxes, 168, 108, 8);
      const all = bounds(boxes);
      if (!map || !all) throw new Error("there are boxes");
      const [left, right] = [map.x + all.x * map.scale, map.x + (all.x + all.width) * map.scale];
      const [top, bottom] = [map.y + all.y * map.scale, map.y + (all.y + all.height) * map.scale];
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(7.99);
      expect(right).toBeLessThanOrEqual(160.01);
      expect(bottom).toBeLessThanOrEqual(100.01);
      expect(left + right).toBeCloseTo(168);
      expect(top + bottom).toBeCloseTo(108);
    }
  });

  it("has nothing to show of nothing", () => expect(mapOnto([], 168, 108, 8)).toBeNull());
});

describe("freePlace", () => {
  it("covers no other box", () => {
    const boxes = [box("a", 0, 0), box("b", 0, 70)];
    const [x, y] = freePlace(boxes, [0, 0], 200, 60);
    expect(boxes.every((one) => x >= one.x + one.width || y >= one.y + one.height || x + 200 <= one.x || y + 60 <= one.y)).toBe(true);
  });
});

describe("tidy", () => {
  const boxes = [box("a", 10, 10), box("b", 12, 20), box("c", 40, 30), box("d", 0, 0)];
  const links = [{ source: "a", target: "b" }, { source: "b", target: "c" }, { source: "a", target: "d" }];

  it("puts every target right of its source, without overlap", () => {
    const after = new Map(apply(boxes, tidy(boxes, links)).map((one) => [one.id, one]));
    for (const link of links) expect(after.get(link.target)?.x).toBeGreaterThan((after.get(link.source)?.x ?? 0) + 200);
    expect(after.get("b")?.y).not.toBe(after.get("d")?.y);
  });

  it("moves nothing when tidy", () => {
    expect(tidy(apply(boxes, tidy(boxes, links)), links).size).toBe(0);
  });

  it("gives the same layout whatever the order of its input", () => {
    const one = tidy(boxes, links);
    const other = tidy([...boxes].reverse(), [...links].reverse());
    expect([...other].sort()).toEqual([...one].sort());
  });

  it("survives cycles, self links and links to nowhere", () => {
    const odd = [...links, { source: "c", target: "a" }, { source: "a", target: "a" }, { source: "x", target: "a" }];
    expect(bounds(apply(boxes, tidy(boxes, odd)))).not.toBeNull();
  });
});
