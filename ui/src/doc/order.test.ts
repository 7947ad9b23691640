import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { MemoryBackend } from "../backend/memory";
import { isOrdered } from "./order";
import { OmniScopeProvider } from "./provider";

/** Writes "!" between two items of a text, whether or not they stand beside each other. */
function put(text: Y.Text, neighbours: (items: Y.Item[]) => [left: Y.Item | undefined, right: Y.Item | undefined]) {
  const doc = text.doc;
  if (!doc) throw new Error("the text is in no document");
  doc.transact((transaction) => {
    const items: Y.Item[] = [];
    for (let item = text._start; item; item = item.right) items.push(item);
    const [left, right] = neighbours(items);
    const id = Y.createID(doc.clientID, Y.getState(doc.store, doc.clientID));
    new Y.Item(id, left ?? null, left?.lastId ?? null, right ?? null, right?.id ?? null, text, null, new Y.ContentString("!")).integrate(transaction, 0);
  });
}

/** As undoing a deletion in parts can: between neighbours that stand the other way round. */
const contradict = (text: Y.Text) => put(text, (items) => [items[1], items[0]]);

function written(doc: Y.Doc): boolean[] {
  const heard: boolean[] = [];
  doc.on("update", (_: Uint8Array, __: unknown, ___: Y.Doc, transaction: Y.Transaction) => heard.push(isOrdered(transaction)));
  return heard;
}

describe("the order of own characters", () => {
  it("holds for what is typed, deleted and undone", () => {
    const step = fc.record({ at: fc.nat(), word: fc.constantFrom("a", "hello", "é", ""), undo: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const doc = new Y.Doc({ gc: false });
        const text = doc.getText("notes");
        const heard = written(doc);
        const undo = new Y.UndoManager(text, { captureTimeout: 0 });
        for (const { at, word, undo: back } of steps) {
          if (back) undo.undo();
          else if (word) text.insert(at % (text.length + 1), word);
          else if (text.length > 0) text.delete(at % text.length, 1);
        }
        expect(heard).not.toContain(false);
      }),
    );
  });

  it("does not hold between neighbours that stand the other way round, by which documents would differ for good", () => {
    const [ana, ben] = [new Y.Doc({ gc: false }), new Y.Doc({ gc: false })];
    const heard = written(ana);
    ana.getText("notes").insert(0, "ab");
    ana.getText("notes").insert(1, "c");
    Y.applyUpdate(ben, Y.encodeStateAsUpdate(ana));
    expect(heard).toEqual([true, true]);
    contradict(ana.getText("notes"));
    expect(heard).toEqual([true, true, false]);
  });

  it("does not hold between neighbours that something parts, nor at an end that is none", () => {
    const ana = new Y.Doc({ gc: false });
    const notes = ana.getText("notes");
    const heard = written(ana);
    notes.insert(0, "ab");
    notes.insert(1, "c");
    put(notes, ([a, c]) => [a, c]);
    put(notes, (items) => [items.at(-1), undefined]);
    put(notes, ([a, , , b]) => [a, b]);
    put(notes, ([a]) => [a, undefined]);
    expect(heard).toEqual([true, true, true, true, false, false]);
  });

  it("is kept by the provider: what does not hold is said again in a new session, and its bytes go nowhere", async () => {
    const backend = new MemoryBackend();
    const provider = new OmniScopeProvider(backend, "w");
    const settled = () => new Promise((resolve) => setTimeout(resolve));
    await settled();
    provider.doc.getMap("meta").set("notes", new Y.Text("ab"));
    const notes = (doc: Y.Doc) => doc.getMap("meta").get("notes") as Y.Text;
    notes(provider.doc).insert(1, "c");
    await settled();
    const before = provider.doc;
    const pushes = backend.pushed.length;
    contradict(notes(before));
    const says = notes(before).toString();
    await settled();
    expect(says).toContain("!");
    expect(provider.doc).not.toBe(before);
    expect([notes(provider.doc), notes(backend.document("w"))].map(String)).toEqual([says, says]);
    expect([backend.pushed.length - pushes, provider.waiting]).toEqual([1, 0]);
  });
});
