import { expect, test } from "vitest";
import { fingerprint, shortFingerprint } from "./fingerprint";

test("a device is called as the engine calls it", () => {
  expect(fingerprint("00".repeat(32))).toBe("2ada 83c1 819a 5372 dae1 238f c1de d123");
  expect(shortFingerprint("00".repeat(32))).toBe("2ada 83c1");
});

test("what is no device id is shown cut, not thrown at", () => {
  expect(fingerprint("<b>")).toBe("<b>");
  expect(fingerprint("z".repeat(99))).toHaveLength(40);
});
