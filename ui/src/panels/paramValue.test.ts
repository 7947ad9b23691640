import { describe, expect, it } from "vitest";
import { kindOf, parseValue, printValue } from "./paramValue";

describe("parameter fields", () => {
  it.each([["mean", "text"], ["", "text"], [0.05, "number"], [-0, "number"], [true, "switch"], [["a", "b", 3], "list"], [["1", 1], "list"], [[], "list"], [{ a: [1] }, "json"], [null, "json"], [[[1]], "json"], [["a,b"], "json"]])(
    "show %j as %s and read it back",
    (value, kind) => {
      expect(kindOf(value)).toBe(kind);
      expect(parseValue(printValue(value, kindOf(value)), kindOf(value))).toEqual({ ok: true, value: Object.is(value, -0) ? 0 : value });
    },
  );

  it("refuse what is not a number, with a reason", () => {
    for (const text of ["", "1,5", "abc", "Infinity", "NaN"]) expect(parseValue(text, "number")).toEqual({ ok: false, problem: "number" });
  });

  it("refuse broken JSON, with a reason", () => {
    expect(parseValue("{a:1}", "json")).toEqual({ ok: false, problem: "json" });
  });
});
