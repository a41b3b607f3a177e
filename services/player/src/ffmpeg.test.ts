import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { ffmpegs } from "../testing/audio.ts";
import { FfmpegError, findFfmpeg, runFfmpeg } from "./ffmpeg.ts";

const options = { cwd: tmpdir(), signal: new AbortController().signal };

test("the ffmpeg that is configured is taken", async () => {
  const [installed = ""] = await ffmpegs();
  expect(await findFfmpeg(installed)).toBe(installed);
});

test.each(["/absent/ffmpeg", "/bin/true"])(
  "%s is refused as ffmpeg by name of the setting",
  async (program) => {
    await expect(findFfmpeg(program)).rejects.toThrow(
      `ANTIPHON_FFMPEG: ${program} is no ffmpeg that can be run`,
    );
  },
);

test("what it writes is counted, what it says is kept", async () => {
  const ffmpeg = await findFfmpeg();
  const args = ["-f", "lavfi", "-i", "sine", "-t", "1", "-ar", "8000", "-f", "u8", "pipe:1"];
  const { stdoutBytes, log } = await runFfmpeg(ffmpeg, args, options);
  expect(stdoutBytes).toBe(8_000);
  expect(log).toContain("Output #0");
});

test("one that gets no further is given up", async () => {
  const stuck = ["-re", "-f", "lavfi", "-i", "sine", "-t", "60", "-f", "null", "-"];
  const given = runFfmpeg(await findFfmpeg(), stuck, { ...options, silenceMs: 200 });
  await expect(given).rejects.toThrow("ffmpeg got no further for 0.2 s");
});

test("a failure carries its last words", async () => {
  const args = ["-i", "/absent.flac", "-f", "null", "-"];
  const failure = await runFfmpeg(await findFfmpeg(), args, options).catch((reason: unknown) => reason);
  expect(failure).toBeInstanceOf(FfmpegError);
  expect((failure as Error).message).toMatch(/^ffmpeg ended with \d+: .*absent/);
});
