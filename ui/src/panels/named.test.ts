import { describe, expect, it } from "vitest";
import type { HistoryEntry } from "./engine";
import { named } from "./named";

const line = (kind: string, from: number, name: string, device = "ana"): HistoryEntry => ({ from, to: from + 1, kind, authors: [{ device, name: device, color: "#2563eb", edits: 1 }], details: { name } });
const names = (entries: HistoryEntry[]) => named(entries).map((one) => one.details?.name);

describe("named", () => {
  it("leaves out a version that was named again at once, by the same hand", () => {
    expect(names([line("version", 6, "Final"), line("version", 5, "Version of today"), line("edit", 4, "an edit")])).toEqual(["Final", "an edit"]);
    expect(names([line("version", 7, "Third"), line("version", 6, "Second"), line("version", 5, "First")])).toEqual(["Third"]);
  });

  it("keeps both where somebody else named one, or something was done between", () => {
    expect(names([line("version", 6, "Final"), line("version", 5, "Draft", "ben")])).toEqual(["Final", "Draft"]);
    expect(names([line("version", 7, "Final"), line("edit", 6, "an edit"), line("version", 5, "Draft")])).toEqual(["Final", "an edit", "Draft"]);
    expect(names([line("version", 8, "Final"), line("version", 5, "Draft")])).toEqual(["Final", "Draft"]);
  });
});
