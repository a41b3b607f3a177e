import { describe, expect, it } from "vitest";
import { formatLength, formatTime } from "./time.ts";

describe("times", () => {
  it.each([
    [0, "0:00"],
    [999, "0:00"],
    [61_500, "1:01"],
    [600_000, "10:00"],
    [3_725_000, "1:02:05"],
    [-5, "0:00"],
    [Number.NaN, "0:00"],
  ])("%d ms reads %s", (ms, text) => expect(formatTime(ms)).toBe(text));

  it.each([
    [35_000, "35 sec"],
    [150_000, "3 min"],
    [4_320_000, "1 hr 12 min"],
  ])("a length of %d ms reads %s", (ms, text) => expect(formatLength(ms)).toBe(text));
});
