import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as Y from "yjs";
import { caretsOf } from "./carets";
import { Others } from "./others";

const FRAME_MS = 20;

describe("carets", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("are heard of when they come, move and go, and not when a pointer moves", () => {
    const others = new Others(new Y.Doc(), () => Promise.resolve());
    const carets = caretsOf(others.awareness);
    let heard = 0;
    const listener = () => void (heard += 1);
    carets.on("change", listener);
    const show = (state: Record<string, unknown> | null) => {
      others.hear({ device: "ben", instance: "w", state: state && { name: "Ben", user: {}, ...state } });
      vi.advanceTimersByTime(FRAME_MS);
      return heard;
    };
    expect(show({ cursor: { anchor: 1 } })).toBe(1);
    for (let x = 0; x < 20; x += 1) expect(show({ cursor: { anchor: 1 }, pointer: { x, y: 0 } })).toBe(1);
    expect(show({ cursor: { anchor: 2 } })).toBe(2);
    expect(show(null)).toBe(3);
    carets.off("change", listener);
    expect(show({ cursor: { anchor: 3 } })).toBe(3);
  });
});
