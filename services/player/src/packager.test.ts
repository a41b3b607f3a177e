import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ffmpegs, inChunks, type Tone, tone } from "../testing/audio.ts";
import { LADDER_KBPS } from "./ladder.ts";
import { type PackagedAudio, packager } from "./packager.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "antiphon-packager-"));
});
afterEach(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();

describe.each(await ffmpegs())("%s", (ffmpeg) => {
  async function packaged(music: Tone): Promise<PackagedAudio> {
    return packager(ffmpeg)(inChunks(await tone(music)), folder, signal);
  }

  test("makes four renditions whose segments are two seconds, aligned to the sample", async () => {
    const { totalSamples, segmentSamples, renditions } = await packaged({ seconds: 5 });
    expect(totalSamples).toBe(240_000);
    expect(segmentSamples.slice(0, 2)).toEqual([96_000, 96_000]);
    expect(segmentSamples).toHaveLength(3);
    expect(segmentSamples.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(240_000);
    expect(renditions.map(({ bitrateKbps }) => bitrateKbps)).toEqual([...LADDER_KBPS]);
    for (const { path, initBytes, segmentBytes } of renditions) {
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

  test.each([
    ["another rate", { seconds: 1, sampleRateHz: 44_100 }, 48_000],
    ["less than a packet", { seconds: 0.01 }, 480],
    ["exactly one segment", { seconds: 2 }, 96_000],
  ])("counts the samples of music with %s", async (_what, music, samples) => {
    expect((await packaged(music)).totalSamples).toBe(samples);
  });

  test("measures how loud the music is", async () => {
    const { loudnessLufs, gainDb } = await packaged({ seconds: 3 });
    // A tone of an eighth of full scale in both channels.
    expect(loudnessLufs).toBeGreaterThan(-22);
    expect(loudnessLufs).toBeLessThan(-16);
    expect(gainDb).toBeCloseTo(-14 - loudnessLufs, 5);
  });

  test("leaves silence as it is", async () => {
    expect((await packaged({ seconds: 2, source: "anullsrc" })).gainDb).toBe(0);
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
    const made = packager(ffmpeg)(inChunks(bytes), folder, signal);
    await expect(made).rejects.toThrow(/^ffmpeg ended with \d+: .*source/);
  });

  test("ends when it is told to", async () => {
    const music = inChunks(await tone({ seconds: 60 }));
    const made = packager(ffmpeg)(music, folder, AbortSignal.timeout(300));
    await expect(made).rejects.toMatchObject({ name: expect.stringMatching(/Abort|Timeout/) });
  });
});

test("renditions are named by their bitrate", async () => {
  const [ffmpeg = ""] = await ffmpegs();
  const { renditions } = await packager(ffmpeg)(inChunks(await tone({ seconds: 1 })), folder, signal);
  expect(renditions.map(({ path }) => basename(path))).toEqual(["24.mp4", "64.mp4", "128.mp4", "256.mp4"]);
});
