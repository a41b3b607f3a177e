import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ffmpegs, inChunks, type Tone, tone } from "../testing/audio.ts";
import { LADDERS, STAGES, type Stage } from "./ladder.ts";
import { type PackagedStage, packager } from "./packager.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "antiphon-packager-"));
});
afterEach(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();
const [first, second, third] = STAGES as readonly [Stage, Stage, Stage];

describe.each(await ffmpegs())("%s", { timeout: 60_000 }, (ffmpeg) => {
  async function packaged(music: Tone | Buffer, stage = first): Promise<PackagedStage> {
    const source = inChunks(Buffer.isBuffer(music) ? music : await tone(music));
    return packager(ffmpeg)({ source, stage, folder, urgent: true, signal });
  }

  test.each([
    ["opus", first, 240_000],
    ["aac", third, 220_500],
  ])("makes renditions in %s whose segments are aligned to the sample", async (codec, stage, samples) => {
    const { segmentSamples, primingSamples } = LADDERS[stage.codec];
    const made = await packaged({ seconds: 5 }, stage);
    expect(made).toMatchObject({ codec, totalSamples: samples });
    expect(made.segmentSamples.slice(0, -1)).toEqual([segmentSamples, segmentSamples]);
    expect(made.segmentSamples.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(samples + primingSamples);
    expect(made.renditions.map(({ bitrateKbps }) => bitrateKbps)).toEqual(stage.bitratesKbps);
    for (const { path, initBytes, segmentBytes } of made.renditions) {
      const file = await readFile(path);
      expect(file.toString("latin1", 4, 8)).toBe("ftyp");
      let at = initBytes;
      for (const bytes of segmentBytes) {
        expect(file.toString("latin1", at + 4, at + 8)).toBe("moof");
        at += bytes;
      }
      expect(at).toBeLessThanOrEqual(file.length);
    }
  });

  test("keeps AAC's segments equal for as long as music is", async () => {
    const { segmentSamples } = await packaged(
      { seconds: 20, sampleRateHz: 44_100 },
      { ...third, bitratesKbps: [48] },
    );
    expect(new Set(segmentSamples.slice(0, -1))).toEqual(new Set([90_112]));
  });

  test("makes stages of one codec that fit together", async () => {
    const music = await tone({ seconds: 3, sampleRateHz: 44_100 });
    const [low, high] = [await packaged(music, first), await packaged(music, second)];
    expect([high.totalSamples, high.segmentSamples]).toEqual([low.totalSamples, low.segmentSamples]);
    expect(high.measured).toBeUndefined();
  });

  test.each([
    ["another rate", { seconds: 1, sampleRateHz: 44_100 }, 48_000],
    ["less than a packet", { seconds: 0.01 }, 480],
    ["exactly one segment", { seconds: 2 }, 96_000],
  ])("counts the samples of music with %s", async (_what, music, samples) => {
    expect((await packaged(music)).totalSamples).toBe(samples);
  });

  test("measures how loud and how long the music is, and where", async () => {
    const { integratedLufs, durationMs, peaks } = (await packaged({ seconds: 3 })).measured!;
    // A tone of an eighth of full scale in both channels.
    expect(integratedLufs).toBeGreaterThan(-22);
    expect(integratedLufs).toBeLessThan(-16);
    expect(durationMs).toBe(3_000);
    expect(peaks).toHaveLength(200);
    // One channel becomes two at three decibels less.
    expect(Math.abs(peaks[100]! - 255 / 8 / Math.SQRT2)).toBeLessThan(3);
  });

  test("takes every format that the catalog imports", async () => {
    for (const format of ["ogg", "mp3", "flac", "m4a"]) {
      const { totalSamples } = await packaged({ seconds: 1, format });
      expect(Math.abs(totalSamples - 48_000)).toBeLessThan(3_000);
    }
  });

  test("makes the same bytes of the same music", async () => {
    const bytes = async () =>
      Promise.all((await packaged({ seconds: 1 })).renditions.map(({ path }) => readFile(path)));
    expect(await bytes()).toEqual(await bytes());
  });

  test.each([
    ["text", Buffer.from("no music".repeat(1000))],
    ["nothing", Buffer.alloc(0)],
  ])("refuses %s with ffmpeg's last words", async (_what, bytes) => {
    await expect(packaged(bytes)).rejects.toThrow(/^ffmpeg ended with \d+: .*source/);
  });

  test("ends when it is told to", async () => {
    const source = inChunks(await tone({ seconds: 60 }));
    const order = { source, stage: first, folder, urgent: false, signal: AbortSignal.timeout(300) };
    await expect(packager(ffmpeg)(order)).rejects.toMatchObject({
      name: expect.stringMatching(/Abort|Timeout/),
    });
  });
});

test("renditions are named by codec and bitrate", async () => {
  const [ffmpeg = ""] = await ffmpegs();
  const source = inChunks(await tone({ seconds: 1 }));
  const { renditions } = await packager(ffmpeg)({ source, stage: first, folder, urgent: true, signal });
  expect(renditions.map(({ path }) => basename(path))).toEqual(["opus-24.mp4", "opus-64.mp4"]);
});
