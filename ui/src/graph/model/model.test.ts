import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { addNode, addSticky, CANVAS, connect, edgeId, moveAll, orderKey, removeAll, setNodeFact, setParam, setStickyText, together } from "./edits";
import { copyFragment, pasteFragment } from "./fragment";
import { GraphStore } from "./GraphStore";
import { refusal } from "./rules";
import { ROOTS } from "./session";

const blank = (type = "generic", pos: [number, number] = [0, 0]) => ({ type, label: type, pos });
const ends = (source: string, target: string) => ({ source, sourcePort: "out", target, targetPort: "in" });

describe("edits", () => {
  it("derive an edge's id from its ends, as the engine does", () => {
    expect(edgeId(ends("a", "b"))).toMatch(/^e[0-9a-f]{16}$/);
    expect(edgeId(ends("a", "b"))).not.toBe(edgeId(ends("b", "a")));
    expect([0, 9, 61, 62, 62 + 3844].map(orderKey)).toEqual(["a0", "a9", "az", "b00", "c000"]);
  });

  it("draw the same edge twice as one, in order at its port", () => {
    const doc = new Y.Doc();
    const [a, b, c] = [addNode(doc, blank()), addNode(doc, blank()), addNode(doc, blank())];
    connect(doc, ends(a, c));
    connect(doc, ends(b, c));
    connect(doc, ends(a, c));
    const orders = [...doc.getMap<Y.Map<unknown>>("edges").values()].map((edge) => edge.get("order"));
    expect(orders).toEqual(["a0", "a1"]);
  });

  it("delete a step with its edges and leave the others", () => {
    const doc = new Y.Doc();
    const [a, b, c] = [addNode(doc, blank()), addNode(doc, blank()), addNode(doc, blank())];
    connect(doc, ends(a, b));
    connect(doc, ends(b, c));
    const kept = connect(doc, ends(a, c));
    removeAll(doc, new Set([b]));
    expect([...doc.getMap("edges").keys()]).toEqual([kept]);
    expect(doc.getMap("nodes").has(b)).toBe(false);
  });

  it("touch one fact only: two people change one step and both changes stand", () => {
    const one = new Y.Doc();
    const id = addNode(one, blank());
    const other = new Y.Doc();
    Y.applyUpdate(other, Y.encodeStateAsUpdate(one));
    setNodeFact(one, id, "label", "Mine");
    setParam(one, id, "a", 1);
    moveAll(other, new Map([[id, [40, 40]]]));
    setParam(other, id, "b", 2);
    Y.applyUpdate(other, Y.encodeStateAsUpdate(one));
    const node = new GraphStore(other).node(id);
    expect(node).toMatchObject({ label: "Mine", pos: [40, 40], params: { a: 1, b: 2 } });
  });

  it("make no update when a move ends where it began", () => {
    const doc = new Y.Doc();
    const id = addNode(doc, blank("generic", [4, 8]));
    let updates = 0;
    doc.on("update", () => {
      updates += 1;
    });
    moveAll(doc, new Map([[id, [4, 8]], ["gone", [1, 1]]]));
    expect(updates).toBe(0);
  });

  it("are one undo step when done together", () => {
    const doc = new Y.Doc();
    const undo = new Y.UndoManager(ROOTS.map((root) => doc.getMap(root)), { doc, trackedOrigins: new Set([CANVAS]), captureTimeout: 0 });
    together(doc, () => {
      for (let count = 0; count < 5; count += 1) addNode(doc, blank());
    });
    undo.undo();
    expect(doc.getMap("nodes").size).toBe(0);
  });

  it("turn any sticky text into any other and keep what did not change", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
      const doc = new Y.Doc();
      const id = addSticky(doc, [0, 0], before);
      setStickyText(doc, id, after);
      expect(new GraphStore(doc).stickies().get(id)?.text).toBe(after);
    }));
  });
});

describe("GraphStore", () => {
  it("gives the same object for every step that did not change", () => {
    const doc = new Y.Doc();
    const [a, b] = [addNode(doc, blank()), addNode(doc, blank())];
    const store = new GraphStore(doc);
    const before = { a: store.node(a), b: store.node(b), edges: store.edges() };
    setParam(doc, a, "x", 1);
    expect(store.node(a)).not.toBe(before.a);
    expect(store.node(b)).toBe(before.b);
    expect(store.edges()).toBe(before.edges);
  });

  it("reads whatever a foreign document holds without throwing", () => {
    fc.assert(fc.property(fc.json(), (json) => {
      const value = JSON.parse(json) as unknown;
      const facts: Record<string, unknown> = { type: value, label: value, pos: value, params: value, ports: value, group: value, source: "n1", target: value };
      const doc = new Y.Doc();
      doc.getMap("nodes").set("n1", new Y.Map(Object.entries(facts)));
      doc.getMap("nodes").set("n2", facts);
      doc.getMap("edges").set("e1", new Y.Map(Object.entries(facts)));
      const store = new GraphStore(doc);
      const [x, y] = store.node("n1")?.pos ?? [NaN, NaN];
      expect(Number.isFinite(x) && Number.isFinite(y)).toBe(true);
    }));
  });
});

describe("fragments", () => {
  it("bring steps, parameters, notes and inner edges across documents under fresh ids", () => {
    const from = new Y.Doc();
    const a = addNode(from, { ...blank("QCProteomics", [100, 100]), params: { max: 0.2 }, notes: "why" });
    const b = addNode(from, blank("generic", [400, 160]));
    const outside = addNode(from, blank());
    connect(from, ends(a, b));
    connect(from, ends(outside, a));
    const text = copyFragment(new GraphStore(from), new Set([a, b])) ?? "";
    const to = new Y.Doc();
    const ids = pasteFragment(to, text, [0, 0]) ?? [];
    const store = new GraphStore(to);
    expect(ids).toHaveLength(2);
    expect(ids).not.toContain(a);
    expect([...store.nodes().values()].map((node) => node.pos)).toEqual([[0, 0], [300, 60]]);
    expect(store.edges().size).toBe(1);
    expect([...store.nodes().values()][0]).toMatchObject({ type: "QCProteomics", params: { max: 0.2 }, hasNotes: true });
  });

  it("refuse every other text", () => {
    for (const text of ["", "hello", "null", "[]", "{}", '{"omniscope":"fragment","nodes":[null]}', '{"omniscope":"fragment","nodes":5}']) expect(pasteFragment(new Y.Doc(), text, [0, 0])).toBeNull();
  });
});

describe("refusal", () => {
  const chain = [{ id: "1", order: "", ...ends("a", "b") }, { id: "2", order: "", ...ends("b", "c") }];
  it("names the reason", () => {
    expect(refusal(chain, ends("a", "a"))).toBe("itself");
    expect(refusal(chain, ends("a", "b"))).toBe("twice");
    expect(refusal(chain, ends("c", "a"))).toBe("cycle");
    expect(refusal(chain, ends("a", "c"))).toBeNull();
  });
});
