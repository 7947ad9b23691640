import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as Y from "yjs";
import { PresenceStore } from "../graph/model/PresenceStore";
import { AWARENESS_MS, fitting, Others } from "./others";

const size = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
const FRAME_MS = 20;

describe("others in a document", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function room() {
    const said: unknown[] = [];
    const others = new Others(new Y.Doc(), (state) => Promise.resolve(said.push(state)));
    const presence = new PresenceStore(others.awareness);
    const heard = { all: 0, marks: 0 };
    presence.subscribe(() => void (heard.all += 1));
    presence.subscribeMarks(() => void (heard.marks += 1));
    const show = (device: string, state: Record<string, unknown> | null) => others.hear({ device, instance: "w", state: state && { name: device, user: {}, ...state } });
    return { others, presence, heard, show, said };
  }

  it("are drawn once a frame however often they move, and moves disturb nobody who looks at marks", () => {
    const { presence, heard, show } = room();
    const people = ["ana", "ben", "cy"];
    for (const name of people) show(name, {});
    expect(presence.roster()).toHaveLength(3);
    const roster = presence.roster();
    const before = { ...heard };
    for (let step = 0; step < 50; step += 1) for (const name of people) show(name, { pointer: { x: step, y: 1 } });
    vi.advanceTimersByTime(FRAME_MS);
    expect(presence.others().map((one) => one.pointer)).toEqual([[49, 1], [49, 1], [49, 1]]);
    expect({ all: heard.all - before.all, marks: heard.marks - before.marks }).toEqual({ all: 1, marks: 0 });
    expect(presence.roster()).toBe(roster);
  });

  it("tell at once who comes and goes, and a selection with the next frame", () => {
    const { presence, heard, show } = room();
    show("ana", {});
    expect(presence.others()).toHaveLength(1);
    show("ana", { selection: ["n1"] });
    vi.advanceTimersByTime(FRAME_MS);
    expect(presence.at("n1").map((one) => one.name)).toEqual(["ana"]);
    const marks = heard.marks;
    show("ana", { pointer: { x: 5, y: 5 } });
    show("ana", null);
    expect(presence.others()).toEqual([]);
    expect(heard.marks).toBe(marks + 1);
    vi.advanceTimersByTime(FRAME_MS);
    expect(presence.others()).toEqual([]);
  });

  it("hear the first move at once and later ones at a bounded rate, the last one always", async () => {
    const { others, said } = room();
    others.awareness.setLocalStateField("pointer", { x: 0, y: 0 });
    await vi.advanceTimersByTimeAsync(1);
    expect(said).toHaveLength(1);
    for (let step = 1; step <= 100; step += 1) {
      others.awareness.setLocalStateField("pointer", { x: step, y: 0 });
      await vi.advanceTimersByTimeAsync(4);
    }
    await vi.advanceTimersByTimeAsync(AWARENESS_MS);
    expect(said.length).toBeLessThanOrEqual(2 + 400 / AWARENESS_MS);
    expect(said.at(-1)).toMatchObject({ pointer: { x: 100 } });
    others.destroy();
  });
});

describe("a state that goes out", () => {
  it("fits whatever is selected and dragged, and keeps the pointer", () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 24 }), { maxLength: 600 });
    fc.assert(fc.property(ids, ids, (selection, dragged) => {
      const state = { pointer: { x: 1, y: 2 }, selection, dragging: Object.fromEntries(dragged.map((id) => [id, [1234, 5678]])) };
      const sent = fitting(state);
      expect(size(sent)).toBeLessThanOrEqual(4096);
      expect(sent?.pointer).toEqual(state.pointer);
      if (size(state) <= 4096) expect(sent).toBe(state);
    }), { numRuns: 60 });
    expect(fitting(null)).toBeNull();
  });
});
