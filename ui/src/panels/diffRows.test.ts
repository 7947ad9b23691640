import { describe, expect, it } from "vitest";
import { diffRows } from "./diffRows";
import type { Diff } from "./engine";

const none = { added: [], removed: [], changed: [] };
const ana = { device: "a", name: "Ana", color: "#112233", touched: ["nodes/n1"] };
const diff = (part: Partial<Diff>): Diff => ({ nodes: none, edges: none, stickies: none, groups: none, comments: none, data: none, meta: [], extra: [], ...part });

describe("diffRows", () => {
  it("tells what changed from what to what, and by whom", () => {
    const rows = diffRows(diff({ nodes: { ...none, changed: [{ id: "n1", title: "Trim", fields: [{ field: "params.threads", before: 4, after: 8 }, { field: "pos", before: [0, 0], after: [4, 4] }, { field: "label", before: "Trimm", after: "Trim" }] }] } }), [ana]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ kind: "changed", title: "Trim", node: "n1", by: [{ name: "Ana" }] });
    expect(rows[0]?.fields).toEqual([{ name: "threads", before: "4", after: "8" }, { name: "moved", before: "", after: "" }, { name: "name", before: "Trimm", after: "Trim" }]);
  });
  it("leads nowhere for what is gone", () => {
    const rows = diffRows(diff({ nodes: { ...none, removed: [{ id: "n1", title: "Trim" }] } }), []);
    expect(rows[0]).toMatchObject({ kind: "removed", node: null, by: [] });
  });
  it("keeps long values short and one line", () => {
    const rows = diffRows(diff({ meta: [{ field: "description", after: `a\n${"b".repeat(500)}` }] }), []);
    expect(rows[0]?.fields[0]?.before).toBe("–");
    expect(rows[0]?.fields[0]?.after.length).toBeLessThanOrEqual(80);
    expect(rows[0]?.fields[0]?.after).not.toContain("\n");
  });
  it("shows of long texts where they part, not the beginning that they share", () => {
    const shared = "Reads below 36 bases align to too many places. ".repeat(4);
    const [row] = diffRows(diff({ meta: [{ field: "description", before: shared, after: `${shared}The second batch differs.` }] }), []);
    expect(row?.fields[0]).toMatchObject({ before: "…align to too many places. ", after: "…align to too many places. The second batch differs." });
  });
  it("reads a difference with roots of a later engine", () => {
    expect(diffRows({ nodes: none } as unknown as Diff, [])).toEqual([]);
  });
});
