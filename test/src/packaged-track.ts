import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { StartPlaybackResponseSchema } from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { findFfmpeg } from "../../services/player/src/ffmpeg.ts";
import { type CodecName, LADDERS } from "../../services/player/src/ladder.ts";
import { packager } from "../../services/player/src/packager.ts";
import { byteRanges } from "../../services/player/src/playback-answer.ts";
import { type Playback, playbackFrom } from "../../web/src/player/playback.ts";

export interface TrackOrder {
  readonly name: string;
  /** The file as it would be imported. */
  readonly source: Uint8Array;
  readonly codec: CodecName;
  readonly bitratesKbps: readonly number[];
}

/**
 * A track as the player service would package it, its renditions in a folder of its own below `root`, and
 * what the engine gets to know of it: their URLs are paths from `root`.
 */
export async function packageTrack(root: string, order: TrackOrder): Promise<Playback> {
  const { name, source, codec, bitratesKbps } = order;
  const folder = join(root, `${name}-${codec}`);
  await mkdir(folder);
  const { sampleRateHz, primingSamples, mimeType } = LADDERS[codec];
  const made = await packager(await findFfmpeg())({
    source: (async function* () {
      yield source;
    })(),
    stage: { codec, bitratesKbps, measures: false },
    folder,
    urgent: true,
    signal: AbortSignal.timeout(60_000),
  });
  const answer = create(StartPlaybackResponseSchema, {
    playbackId: name,
    track: { id: name },
    segmentSamples: [...made.segmentSamples],
    sampleRateHz,
    primingSamples,
    totalSamples: BigInt(made.totalSamples),
    renditions: made.renditions.map((rendition) => ({
      id: `${name}-${rendition.bitrateKbps}`,
      bitrateKbps: rendition.bitrateKbps,
      mimeType,
      url: `/${relative(root, rendition.path)}`,
      ...byteRanges({ ...rendition, objectId: name }),
    })),
  });
  return playbackFrom(answer, () => true);
}
