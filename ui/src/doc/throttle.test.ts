import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { throttled } from "./throttle";

describe("throttled", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("passes the first call at once and the last one after the pause", () => {
    const heard: number[] = [];
    const call = throttled(40, (n: number) => heard.push(n));
    for (let n = 0; n < 5; n += 1) call(n);
    expect(heard).toEqual([0]);
    vi.advanceTimersByTime(40);
    expect(heard).toEqual([0, 4]);
    vi.advanceTimersByTime(40);
    call(9);
    expect(heard).toEqual([0, 4, 9]);
  });

  it("never calls more often than asked, however many calls come", () => {
    const at: number[] = [];
    const call = throttled(40, () => at.push(Date.now()));
    for (let n = 0; n < 200; n += 1) {
      call();
      vi.advanceTimersByTime(7);
    }
    vi.advanceTimersByTime(100);
    expect(at.length).toBeGreaterThan(20);
    for (const [index, time] of at.entries()) if (index > 0) expect(time - (at[index - 1] ?? 0)).toBeGreaterThanOrEqual(40);
  });

  it("forgets what waits when told to", () => {
    const heard: number[] = [];
    const call = throttled(40, (n: number) => heard.push(n));
    call(1);
    call(2);
    call.cancel();
    vi.advanceTimersByTime(100);
    expect(heard).toEqual([1]);
  });
});
