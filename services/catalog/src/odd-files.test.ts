import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ImportProblemReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import ffmpeg from "@ffmpeg-installer/ffmpeg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMusicFile } from "./music-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "antiphon-odd-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Makes a file of a source of ffmpeg's. */
async function make(name: string, source: string, ...options: string[]): Promise<string> {
  const path = join(folder, name);
  const tags = ["-metadata", "title=Odd"];
  await promisify(execFile)(ffmpeg.path, [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    source,
    ...options,
    ...tags,
    path,
  ]);
  return path;
}

const TONE = "sine=duration=2:sample_rate=44100";

describe("what is unusual and music is imported", { timeout: 60_000 }, () => {
  test.each([
    ["mono at a low rate", "mono.flac", "sine=duration=2:sample_rate=11025", ["-ac", "1"], 2_000],
    ["at 96 kHz", "hires.flac", "sine=duration=2:sample_rate=96000", ["-sample_fmt", "s32"], 2_000],
    ["in 5.1", "surround.flac", "aevalsrc=0|0.1|0|0.1|0|0.1:c=5.1:d=2", [], 2_000],
    ["silent", "silent.mp3", "anullsrc", ["-t", "2"], 2_000],
    ["three hours long", "long.flac", "anullsrc=r=8000:cl=mono", ["-t", "10800"], 10_800_000],
  ])("%s", async (_what, name, source, options, ms) => {
    const { description } = await readMusicFile(await make(name, source, ...options));
    expect(description.title).toBe("Odd");
    expect(Math.abs(description.durationMs - ms)).toBeLessThan(100);
  });
});

describe("what can't be played is refused, and it is said why", { timeout: 60_000 }, () => {
  async function refusal(path: string) {
    const error = await readMusicFile(path).catch((reason: unknown) => reason);
    const { reason, message } = error as { reason: ImportProblemReason; message: string };
    return [ImportProblemReason[reason], message];
  }

  test.each(["empty.mp3", "empty.flac", "empty.m4a"])("%s", async (name) => {
    await writeFile(join(folder, name), "");
    expect(await refusal(join(folder, name))).toEqual(["NOT_MUSIC", "is empty"]);
  });

  test.each([
    ["of a constant bitrate", "cbr.mp3", ["-b:a", "128k"]],
    ["of a variable bitrate", "vbr.mp3", ["-q:a", "5"]],
  ])("a cut-off MP3 %s", async (_what, name, options) => {
    const path = await make(name, TONE, ...options);
    const { length } = await readFile(path);
    expect((await readMusicFile(path)).description.title).toBe("Odd");
    await truncate(path, Math.floor(length * 0.6));
    expect(await refusal(path)).toEqual(["TRUNCATED", "is cut off: its end is missing"]);
  });

  test("a cut-off FLAC, Ogg and M4A", async () => {
    for (const name of ["cut.flac", "cut.ogg", "cut.m4a"]) {
      const path = await make(name, TONE);
      await truncate(path, Math.floor((await readFile(path)).length * 0.6));
      expect((await refusal(path))[0]).toBe("TRUNCATED");
    }
  });

  test("what is encrypted", async () => {
    const path = await make("bought.m4a", TONE);
    const file = await readFile(path);
    const entry = file.indexOf("stsd") + 16;
    expect(file.toString("latin1", entry, entry + 4)).toBe("mp4a");
    file.write("drms", entry);
    const locked = join(folder, "bought.m4p");
    await writeFile(locked, file);
    expect(await refusal(locked)).toEqual([
      "PROTECTED",
      "is protected by DRM: only the shop's own players can open it",
    ]);
  });

  test("noise that is called music", async () => {
    const path = join(folder, "noise.mp3");
    await writeFile(path, Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i * 31 + 7 * i) % 256)));
    expect((await refusal(path))[0]).toBe("NOT_MUSIC");
  });
});
