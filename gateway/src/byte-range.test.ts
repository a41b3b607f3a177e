import { describe, expect, test } from "vitest";
import { parseRange } from "./byte-range.ts";

describe("a Range header over 1,000 bytes", () => {
  test.each([
    ["bytes=0-99", { start: 0, end: 99 }],
    ["bytes=900-", { start: 900, end: 999 }],
    ["bytes=900-5000", { start: 900, end: 999 }],
    ["bytes=-100", { start: 900, end: 999 }],
    ["bytes=-5000", { start: 0, end: 999 }],
    ["bytes=1000-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-2", undefined],
    ["bytes=0-1,5-9", undefined],
    ["bytes=-", undefined],
    ["lines=0-1", undefined],
    ["bytes=99999999999999999999-", undefined],
    [undefined, undefined],
  ])("%s is %j", (header, expected) => {
    expect(parseRange(header, 1000)).toEqual(expected);
  });

  test("no range of an empty object can be sent", () => {
    expect(parseRange("bytes=0-", 0)).toBe("unsatisfiable");
  });
});
