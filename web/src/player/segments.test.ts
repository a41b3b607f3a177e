import { describe, expect, it } from "vitest";
import { bufferedEnd, covers, segmentAt, toRanges } from "./segments.ts";

const boundaries = [0, 2, 4, 6, 7.5];

describe("the segment at a time", () => {
  it.each([
    [0, 0],
    [1.999, 0],
    [2, 1],
    [5, 2],
    [6, 3],
    [7.4, 3],
  ])("at %d s is number %d", (timeS, index) => expect(segmentAt(boundaries, timeS)).toBe(index));

  it("is the first before the start, and the last past the end", () => {
    expect(segmentAt(boundaries, -3)).toBe(0);
    expect(segmentAt(boundaries, 99)).toBe(3);
  });

  it("is the only one of a track that has one", () => {
    expect(segmentAt([0, 1.5], 1)).toBe(0);
  });
});

describe("buffered ranges", () => {
  const timeRanges = (pairs: [number, number][]): TimeRanges => ({
    length: pairs.length,
    start: (i) => pairs[i]?.[0] ?? 0,
    end: (i) => pairs[i]?.[1] ?? 0,
  });

  it("that touch are one", () => {
    const ranges = timeRanges([
      [0, 2],
      [2.01, 4],
      [5, 6],
    ]);
    expect(toRanges(ranges)).toEqual([
      { start: 0, end: 4 },
      { start: 5, end: 6 },
    ]);
  });

  it("say until when playback can go on", () => {
    const ranges = [{ start: 10, end: 14 }];
    expect(bufferedEnd(ranges, 11)).toBe(14);
    expect(bufferedEnd(ranges, 14)).toBe(14);
    expect(bufferedEnd(ranges, 3)).toBe(3);
  });

  it("cover a segment that misses less than an Opus frame", () => {
    expect(covers([{ start: 0.006, end: 3.99 }], { start: 0, end: 4 })).toBe(true);
    expect(covers([{ start: 0, end: 3.9 }], { start: 0, end: 4 })).toBe(false);
  });
});
