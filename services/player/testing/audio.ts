import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import installed from "@ffmpeg-installer/ffmpeg";
import { findFfmpeg } from "../src/ffmpeg.ts";

/** The ffmpegs of this machine: the one from npm, and one of PATH where there is a newer one. */
export async function ffmpegs(): Promise<string[]> {
  return [...new Set([installed.path, await findFfmpeg()])];
}

export interface Tone {
  readonly seconds: number;
  /** File name extension, which decides the format; default wav, to the sample. */
  readonly format?: string;
  readonly sampleRateHz?: number;
  /** ffmpeg's source of sound, default a tone of 440 Hz. */
  readonly source?: string;
}

/** Makes a piece of music. */
export async function tone({
  seconds,
  format = "wav",
  sampleRateHz = 48_000,
  source,
}: Tone): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "antiphon-tone-"));
  try {
    const file = join(folder, `tone.${format}`);
    const input = source ?? `sine=frequency=440:sample_rate=${sampleRateHz}`;
    const args = [
      "-v",
      "error",
      "-f",
      "lavfi",
      "-i",
      input,
      "-t",
      String(seconds),
      "-ar",
      String(sampleRateHz),
      file,
    ];
    await promisify(execFile)(installed.path, args);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Bytes as a service streams them. */
export async function* inChunks(bytes: Uint8Array, chunkBytes = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
