import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { addNode, setFile } from "../graph/model/edits";
import { GraphStore } from "../graph/model/GraphStore";
import { factsOf, formatOf } from "./sourceFile";

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("the file of a step", () => {
  it("is known by name, size, hash and format", async () => {
    const parts: number[] = [];
    const facts = await factsOf(new File(["abc"], "reads_1.fastq.gz"), (part) => void parts.push(part), () => false);
    expect(facts).toEqual({ name: "reads_1.fastq.gz", size: 3, sha256: ABC, format: "FASTQ, gzip" });
    expect(parts).toEqual([1]);
  });
  it("is hashed in pieces to the same hash, and can be stopped", async () => {
    const long = new File([new Uint8Array(3 * 1024 * 1024 + 7)], "a.bin");
    const whole = new Uint8Array(await crypto.subtle.digest("SHA-256", await long.arrayBuffer()));
    const facts = await factsOf(long, () => undefined, () => false);
    expect(facts?.sha256).toBe(Array.from(whole, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    expect(await factsOf(long, () => undefined, () => true)).toBeNull();
  });
  it("has the format that its ending says", () => {
    expect(["a.BAM", "counts.tsv", "x.h5ad", "README", "a.gz", "a.weird"].map(formatOf)).toEqual(["BAM", "TSV", "AnnData", "", "gzip", "WEIRD"]);
  });
  it("stands in the document as one fact, and what others wrote there is read with care", () => {
    const doc = new Y.Doc();
    const id = addNode(doc, { type: "UploadGenomicsData", label: "Reads", pos: [0, 0] });
    const graph = new GraphStore(doc);
    const facts = { name: "a.bam", size: 5, sha256: ABC, format: "BAM" };
    setFile(doc, id, facts);
    expect(graph.node(id)?.file).toEqual(facts);
    const extra = (doc.getMap("nodes").get(id) as Y.Map<unknown>).get("extra") as Y.Map<unknown>;
    for (const bad of [7, null, [], { size: 4 }, { name: "x", size: -1, sha256: {}, format: [] }]) {
      extra.set("file", bad);
      expect(graph.node(id)?.file ?? { size: 0 }).toMatchObject({ size: 0 });
    }
    setFile(doc, id, null);
    expect(graph.node(id)?.file).toBeNull();
  });
});
