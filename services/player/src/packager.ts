import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runFfmpeg } from "./ffmpeg.ts";
import {
  alignedSegments,
  type CodecName,
  LADDERS,
  renditionFile,
  type Stage,
  stageArguments,
} from "./ladder.ts";
import { type Loudness, parseLoudness } from "./loudness.ts";
import { type FragmentedMp4, type RandomAccess, readFragmentedMp4 } from "./mp4-boxes.ts";
import { PeakMeter } from "./peak-meter.ts";

/** What a stage of packaging made of a track; its files lie in the folder that it was packaged in. */
export interface PackagedStage {
  readonly codec: CodecName;
  /** At the codec's sample rate. */
  readonly totalSamples: number;
  readonly segmentSamples: readonly number[];
  readonly renditions: readonly PackagedRendition[];
  /** Only of a stage that measures. */
  readonly measured: Measured | undefined;
}

export interface Measured extends Loudness {
  readonly durationMs: number;
  /** See PeakMeter. */
  readonly peaks: Uint8Array;
}

export interface PackagedRendition {
  readonly bitrateKbps: number;
  readonly path: string;
  readonly initBytes: number;
  readonly segmentBytes: readonly number[];
}

export interface PackagingOrder {
  readonly source: AsyncIterable<Uint8Array>;
  readonly stage: Stage;
  /** Empty, and deleted by whoever made it. */
  readonly folder: string;
  /** Whether somebody waits for it: then it does not run behind everything else on the machine. */
  readonly urgent: boolean;
  readonly signal: AbortSignal;
}

/** Makes the renditions of a stage from a track's source. Rejects where the source is no music. */
export type Packager = (order: PackagingOrder) => Promise<PackagedStage>;

/** Packages with this ffmpeg. */
export function packager(ffmpeg: string): Packager {
  return async ({ source, stage, folder, urgent, signal }) => {
    const ladder = LADDERS[stage.codec];
    const file = join(folder, "source");
    await writeFile(file, source, { signal });
    const meter = stage.measures ? new PeakMeter() : undefined;
    const { stdoutBytes: totalSamples, log } = await runFfmpeg(ffmpeg, stageArguments(file, stage), {
      cwd: folder,
      nice: urgent ? 0 : 10,
      signal,
      onOutput: (samples) => meter?.push(samples),
    });
    const rungs = await Promise.all(
      stage.bitratesKbps.map(async (bitrateKbps) => {
        const path = join(folder, renditionFile(stage.codec, bitrateKbps));
        return { bitrateKbps, path, layout: await layoutOf(path) };
      }),
    );
    const layouts = rungs.map(({ layout }) => layout);
    return {
      codec: stage.codec,
      totalSamples,
      segmentSamples: alignedSegments(ladder, layouts, totalSamples),
      renditions: rungs.map(({ bitrateKbps, path, layout }) => ({
        bitrateKbps,
        path,
        initBytes: layout.initBytes,
        segmentBytes: layout.segments.map(({ bytes }) => bytes),
      })),
      measured: meter && {
        ...loudnessIn(log),
        durationMs: Math.round((totalSamples * 1000) / ladder.sampleRateHz),
        peaks: meter.peaks(),
      },
    };
  };
}

function loudnessIn(log: string): Loudness {
  const loudness = parseLoudness(log);
  if (!loudness) throw new Error("ffmpeg did not say how loud the track is");
  return loudness;
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
