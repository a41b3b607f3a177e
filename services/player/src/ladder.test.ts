import { expect, test } from "vitest";
import { alignedSegments } from "./ladder.ts";

const layout = (...samples: number[]) => ({
  initBytes: 10,
  timescale: 48_000,
  segments: samples.map((each) => ({ bytes: 1, samples: each })),
});

test("aligned renditions share their segments' lengths", () => {
  const renditions = [layout(96_000, 96_000, 4_800), layout(96_000, 96_000, 4_800)];
  expect(alignedSegments(renditions, 196_000)).toEqual([96_000, 96_000, 4_800]);
});

test.each([
  ["of another number", [layout(96_000, 960), layout(96_000)], 96_000, "not aligned"],
  ["of another length", [layout(96_000, 960), layout(96_000, 1_920)], 96_000, "not aligned"],
  [
    "that are not two seconds",
    [layout(95_040, 960), layout(95_040, 960)],
    96_000,
    "does not have 96000 samples",
  ],
  [
    "that are shorter than the music",
    [layout(96_000), layout(96_000)],
    96_001,
    "96000 samples were coded of 96001",
  ],
  ["of no music", [layout(), layout()], 0, "0 samples were coded of 0"],
  ["at another rate", [{ ...layout(96_000), timescale: 44_100 }], 96_000, "does not count 48000 samples"],
])("segments %s are refused", (_what, renditions, totalSamples, message) => {
  expect(() => alignedSegments(renditions, totalSamples)).toThrow(message);
});
