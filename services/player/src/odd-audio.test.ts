import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inChunks, type Tone, tone } from "../testing/audio.ts";
import { findFfmpeg } from "./ffmpeg.ts";
import { STAGES } from "./ladder.ts";
import { gainDb } from "./loudness.ts";
import { type PackagedStage, packager } from "./packager.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "antiphon-odd-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function packaged(music: Buffer): Promise<PackagedStage> {
  const { signal } = new AbortController();
  const order = { source: inChunks(music), stage: STAGES[0]!, folder, urgent: true, signal };
  return packager(await findFfmpeg())(order);
}

describe("music of any kind becomes two channels at 48 kHz", { timeout: 60_000 }, () => {
  test.each<[string, Tone]>([
    ["mono at a low rate", { seconds: 2, sampleRateHz: 11_025, format: "flac" }],
    ["at 96 kHz", { seconds: 2, sampleRateHz: 96_000, format: "flac" }],
    ["in 5.1", { seconds: 2, source: "aevalsrc=0|0.1|0|0.1|0|0.1:c=5.1", format: "flac" }],
  ])("%s", async (_what, music) => {
    const { totalSamples, renditions } = await packaged(await tone(music));
    expect(Math.abs(totalSamples - 96_000)).toBeLessThan(20);
    expect(renditions).toHaveLength(2);
  });
});

describe("music that is not quite music", { timeout: 60_000 }, () => {
  test("that is silent stays silent: it is not turned up", async () => {
    const { measured } = await packaged(await tone({ seconds: 2, source: "anullsrc" }));
    expect(gainDb(measured!)).toBe(0);
    expect(new Set(measured!.peaks)).toEqual(new Set([0]));
  });

  test("that is damaged in the middle is packaged as far as it can be decoded", async () => {
    const music = await tone({ seconds: 4, format: "mp3" });
    const middle = Math.floor(music.length / 2);
    music.fill(0x55, middle, middle + 2_000);
    const { totalSamples, segmentSamples } = await packaged(music);
    expect(totalSamples).toBeGreaterThan(96_000);
    expect(totalSamples).toBeLessThan(200_000);
    expect(segmentSamples[0]).toBe(96_000);
  });

  test("of which nothing can be decoded is refused with ffmpeg's words", async () => {
    const music = await tone({ seconds: 2, format: "flac" });
    music.fill(0x55, 200);
    await expect(packaged(music)).rejects.toThrow(/^ffmpeg ended with|were coded of 0|no loudness/);
  });
});
