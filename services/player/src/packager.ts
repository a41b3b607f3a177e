import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runFfmpeg } from "./ffmpeg.ts";
import { alignedSegments, LADDER_KBPS, ladderArguments } from "./ladder.ts";
import { gainDb, parseLoudness } from "./loudness.ts";
import { type FragmentedMp4, type RandomAccess, readFragmentedMp4 } from "./mp4-boxes.ts";

/** A track as it was packaged; its files lie in the folder that it was packaged in. */
export interface PackagedAudio {
  readonly totalSamples: number;
  readonly segmentSamples: readonly number[];
  readonly loudnessLufs: number;
  readonly gainDb: number;
  readonly renditions: readonly PackagedRendition[];
}

export interface PackagedRendition {
  readonly bitrateKbps: number;
  readonly path: string;
  readonly initBytes: number;
  readonly segmentBytes: readonly number[];
}

/** Makes the renditions of a track in `folder` from its source. Rejects where the source is no music. */
export type Packager = (
  source: AsyncIterable<Uint8Array>,
  folder: string,
  signal: AbortSignal,
) => Promise<PackagedAudio>;

/** Packages with this ffmpeg. */
export function packager(ffmpeg: string): Packager {
  return async (source, folder, signal) => {
    const file = join(folder, "source");
    await writeFile(file, source, { signal });
    const { stdoutBytes: totalSamples, log } = await runFfmpeg(ffmpeg, ladderArguments(file), {
      cwd: folder,
      signal,
    });
    const loudness = parseLoudness(log);
    if (!loudness) throw new Error("ffmpeg did not say how loud the track is");
    const rungs = await Promise.all(
      LADDER_KBPS.map(async (bitrateKbps) => {
        const path = join(folder, `${bitrateKbps}.mp4`);
        return { bitrateKbps, path, layout: await layoutOf(path) };
      }),
    );
    return {
      totalSamples,
      segmentSamples: alignedSegments(
        rungs.map(({ layout }) => layout),
        totalSamples,
      ),
      loudnessLufs: loudness.integratedLufs,
      gainDb: gainDb(loudness),
      renditions: rungs.map(({ bitrateKbps, path, layout }) => ({
        bitrateKbps,
        path,
        initBytes: layout.initBytes,
        segmentBytes: layout.segments.map(({ bytes }) => bytes),
      })),
    };
  };
}

async function layoutOf(path: string): Promise<FragmentedMp4> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const file: RandomAccess = {
      sizeBytes: size,
      async read(offset, length) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
    };
    return await readFragmentedMp4(file);
  } finally {
    await handle.close();
  }
}
