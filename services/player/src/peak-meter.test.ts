import { expect, test } from "vitest";
import { PeakMeter } from "./peak-meter.ts";

const RATE = 48_000;

/** Seconds of a square wave, of one level, 0 to 127, after the other. */
function metered(...levels: readonly [seconds: number, level: number][]): Uint8Array {
  const meter = new PeakMeter();
  for (const [seconds, level] of levels) {
    const music = Uint8Array.from({ length: seconds * RATE }, (_, i) => 128 + (i % 2 ? level : -level));
    // As a pipe cuts it.
    for (let at = 0; at < music.length; at += 65_536) meter.push(music.subarray(at, at + 65_536));
  }
  return meter.peaks();
}

test("music has 200 peaks, each of its part", () => {
  const peaks = metered([10, 100], [10, 10]);
  expect(peaks).toHaveLength(200);
  expect([...peaks.subarray(0, 100)]).toEqual(Array(100).fill(200));
  expect([...peaks.subarray(101)]).toEqual(Array(99).fill(20));
});

test("silence is 0, full scale 255", () => {
  expect(new Set(metered([3, 0]))).toEqual(new Set([0]));
  const meter = new PeakMeter();
  meter.push(Uint8Array.of(0));
  expect(new Set(meter.peaks())).toEqual(new Set([255]));
});

test("where there is no music there are no peaks", () => {
  expect(new PeakMeter().peaks()).toHaveLength(0);
});
