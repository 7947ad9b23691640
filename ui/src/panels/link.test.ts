import { describe, expect, it, vi } from "vitest";
import { findLink, follow } from "./link";
import { sayTime } from "./time";

describe("findLink", () => {
  it("takes the link out of a whole message", () => {
    expect(findLink("Hi Ben, join us:\nomniscope://join#AbC_-1.\nAna")).toEqual({ link: "omniscope://join#AbC_-1", kind: "invitation" });
  });
  it("tells the three kinds apart, and each is followed by its own verb", () => {
    for (const [word, kind, method] of [["join", "invitation", "join"], ["device", "device", "device.accept"], ["recover", "recovery", "recovery.use"]] as const) {
      const link = `omniscope://${word}#AbC`;
      expect(findLink(`(${link})`)).toEqual({ link, kind });
      const call = vi.fn();
      void follow({ call }, kind, link, 5);
      expect(call).toHaveBeenCalledWith(method, { [kind === "recovery" ? "recovery" : "link"]: link, wait_ms: 5 });
    }
  });
  it("finds nothing in other addresses", () => {
    for (const one of ["", "https://example.org/join#abc", "omniscope://open#abc", `omniscope://join#${"a".repeat(9000)}`]) expect(findLink(one)).toBeNull();
  });
});

describe("sayTime", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  it("speaks of past and future", () => {
    expect(sayTime("2026-11-24T11:59:40Z", now)).toBe("just now");
    expect(sayTime("2026-11-24T11:55:00Z", now)).toBe("5 min. ago");
    expect(sayTime("2026-12-01T11:00:00Z", now)).toBe("in 7 days");
  });
  it("says nothing of what is no time", () => {
    expect(sayTime("soon", now)).toBe("");
  });
});
