import { expect, test } from "vitest";
import { alignedSegments, LADDERS, STAGES, stagesUntilPlayable, stagesUntilWhole } from "./ladder.ts";

const { opus, aac } = LADDERS;

const layout = (...samples: number[]) => ({
  initBytes: 10,
  timescale: 48_000,
  segments: samples.map((each) => ({ bytes: 1, samples: each })),
});

test("the stages make each rung of each ladder once, from the lowest up", () => {
  for (const { codec, bitratesKbps } of Object.values(LADDERS)) {
    const made = STAGES.filter((stage) => stage.codec === codec).flatMap((stage) => stage.bitratesKbps);
    expect(made).toEqual(bitratesKbps);
  }
  expect(STAGES.map(({ measures }) => measures)).toEqual([true, false, false]);
  expect([stagesUntilPlayable("opus"), stagesUntilWhole("opus")]).toEqual([1, 2]);
  expect([stagesUntilPlayable("aac"), stagesUntilWhole("aac")]).toEqual([3, 3]);
});

test("aligned renditions share their segments' lengths", () => {
  const renditions = [layout(96_000, 96_000, 4_800), layout(96_000, 96_000, 4_800)];
  expect(alignedSegments(opus, renditions, 196_000)).toEqual([96_000, 96_000, 4_800]);
});

test("what the encoder begins with is no music", () => {
  const rendition = { ...layout(90_112, 1_024), timescale: 44_100 };
  expect(alignedSegments(aac, [rendition], 90_112)).toEqual([90_112, 1_024]);
  expect(() => alignedSegments(aac, [rendition], 90_113)).toThrow("90112 samples were coded of 90113");
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
  expect(() => alignedSegments(opus, renditions, totalSamples)).toThrow(message);
});
