import { describe, expect, it } from "vitest";
import { lineAt, tabStop } from "./lyric-lines.ts";

const lines = [
  { startMs: 0, text: "" },
  { startMs: 5_000, text: "Call" },
  { startMs: 8_000, text: "" },
  { startMs: 12_000, text: "Response" },
];

describe("the line that is current", () => {
  it("is the last one that has begun, a pause between verses included", () => {
    const at = [0, 4_000, 5_000, 7_000, 9_000, 12_000, 90_000];
    expect(at.map((positionMs) => lineAt(lines, positionMs))).toEqual([0, 0, 1, 1, 2, 3, 3]);
  });

  it("is none before the first one, and of none", () => {
    expect(lineAt(lines.slice(1), 3_000)).toBe(-1);
    expect(lineAt([], 3_000)).toBe(-1);
  });

  it("is a line that was gone to, though the player stands a hair before it", () => {
    expect(lineAt(lines, 11_999.99)).toBe(3);
  });
});

describe("the line that the tab key goes to", () => {
  it("has words: in a pause it is the one before, at the start the first one", () => {
    expect([-1, 0, 1, 2, 3].map((current) => tabStop(lines, current))).toEqual([1, 1, 1, 1, 3]);
  });

  it("is none where nobody sings at all", () => {
    expect(tabStop(lines.slice(0, 1), 0)).toBe(-1);
  });
});
