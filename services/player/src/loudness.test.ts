import { expect, test } from "vitest";
import { gainDb, parseLoudness } from "./loudness.ts";

test.each([
  ["a loud track is turned down", -8, 0.5, -6],
  ["a quiet track is turned up", -20, -12, 6],
  ["a quiet track with high peaks is turned up to 1 dB below full scale", -20, -3, 2],
  ["a track with peaks above full scale is turned down for them", -14, 0.4, -1.4],
  ["a track as loud as wanted stays", -14, -2, 0],
  ["silence stays silent", -70, Number.NEGATIVE_INFINITY, 0],
])("%s", (_what, integratedLufs, truePeakDbfs, gain) => {
  expect(gainDb({ integratedLufs, truePeakDbfs })).toBeCloseTo(gain, 6);
});

const summary = (integrated: string, peak: string) => `
[Parsed_ebur128_3 @ 0x1] Summary:

  Integrated loudness:
    I:         ${integrated} LUFS
    Threshold: -26.9 LUFS

  True peak:
    Peak:       ${peak} dBFS
`;

test("ffmpeg's summary is read, the last one where there are several", () => {
  const log = summary("-3.0", "9.0") + summary("-16.7", "-1.2");
  expect(parseLoudness(log)).toEqual({ integratedLufs: -16.7, truePeakDbfs: -1.2 });
});

test("digital silence is read", () => {
  expect(parseLoudness(summary("-70.0", "-inf"))).toEqual({
    integratedLufs: -70,
    truePeakDbfs: Number.NEGATIVE_INFINITY,
  });
});

test("a log without a summary says nothing", () => {
  expect(parseLoudness("size=N/A time=00:00:00.00")).toBeUndefined();
});
