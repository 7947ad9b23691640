import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outline, search } from "./search";
import type { EdgeView, NodeView } from "./snapshot";

const node = (id: string, label = id, params: Record<string, unknown> = {}): NodeView => ({ id, label, type: "toolshed/repos/iuc/fastp/fastp/0.23", typeVersion: "", pos: [0, 0], disabled: false, params, ports: null, group: null, hasNotes: false, file: null });
const edge = (source: string, target: string): EdgeView => ({ id: source + target, source, target, sourcePort: "out", targetPort: "in", order: "" });
const mapOf = (...nodes: NodeView[]) => new Map(nodes.map((one) => [one.id, one]));

describe("search", () => {
  const nodes = [node("1", "Trim reads", { quality: 20 }), node("2", "Report"), node("3", "Reads in")];
  it("puts names that begin with the word first", () => {
    expect(search(nodes, [], "reads").map((hit) => hit.id)).toEqual(["3", "1"]);
  });
  it("looks into types, parameters and notes", () => {
    expect(search(nodes, [], "fastp")).toHaveLength(3);
    expect(search(nodes, [], "quality").map((hit) => hit.id)).toEqual(["1"]);
    expect(search(nodes, [], "plate", (id) => (id === "2" ? "check the plate" : "")).map((hit) => hit.id)).toEqual(["2"]);
  });
  it("finds nothing for nothing", () => {
    expect(search(nodes, [], "  ")).toEqual([]);
  });
});

describe("outline", () => {
  it("lists every step after what feeds it", () => {
    const rows = outline(mapOf(node("c"), node("a"), node("b"), node("z")), [edge("b", "c"), edge("a", "b"), edge("a", "c")]);
    expect(rows.map((row) => [row.id, row.depth])).toEqual([["a", 0], ["z", 0], ["b", 1], ["c", 2]]);
  });
  it("lists every step once, whatever the edges", () => {
    const ids = ["a", "b", "c", "d", "e"];
    const ends = fc.array(fc.tuple(fc.constantFrom(...ids, "gone"), fc.constantFrom(...ids, "gone")));
    fc.assert(fc.property(ends, (pairs) => {
      const rows = outline(mapOf(...ids.map((id) => node(id))), pairs.map(([source, target]) => edge(source, target)));
      expect(rows.map((row) => row.id).sort()).toEqual(ids);
    }));
  });
});
