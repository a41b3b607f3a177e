import { signMediaPath } from "@antiphon/mesh";
import { Codec, type StartPlaybackResponseSchema } from "@antiphon/proto/antiphon/player/v1/player";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Audio, Rendition } from "./audio-store.ts";
import { playlistId } from "./hls.ts";
import { type CodecName, LADDERS } from "./ladder.ts";

const CODECS: Readonly<Partial<Record<Codec, CodecName>>> = { [Codec.OPUS]: "opus", [Codec.AAC]: "aac" };
const MESSAGES: Readonly<Record<CodecName, Codec>> = { opus: Codec.OPUS, aac: Codec.AAC };

/** What was asked for, the most wanted first; Opus alone where nothing was. */
export function codecsOf(wanted: readonly Codec[]): CodecName[] {
  const names = wanted.flatMap((codec) => CODECS[codec] ?? []);
  return names.length > 0 ? names : ["opus"];
}

/** The part of StartPlayback's answer that is about one ladder, with URLs that are good until `expireAtMs`. */
export function ladderAnswer(
  trackId: string,
  { codec, segmentSamples, totalSamples, renditions }: Audio & { readonly codec: CodecName },
  mediaKey: string,
  expireAtMs: number,
): MessageInitShape<typeof StartPlaybackResponseSchema> {
  const { bitratesKbps, sampleRateHz, primingSamples, mimeType } = LADDERS[codec];
  const expiresAtS = Math.floor(expireAtMs / 1000);
  const playlist = playlistId({ codec, trackId, expiresAtS, of: { rungs: renditions.length } });
  return {
    codec: MESSAGES[codec],
    sampleRateHz,
    primingSamples,
    totalSamples,
    segmentSamples,
    renditions: renditions.map((rendition) => ({
      id: rendition.objectId.replace(/\.mp4$/, ""),
      bitrateKbps: rendition.bitrateKbps,
      mimeType,
      url: signMediaPath(mediaKey, `/media/player/${rendition.objectId}`, expireAtMs),
      ...byteRanges(rendition),
    })),
    playlistUrl: signMediaPath(mediaKey, `/media/player/${playlist}`, expireAtMs),
    ladderGrows: renditions.length < bitratesKbps.length,
    urlsExpireAt: timestampFromMs(expireAtMs),
  };
}

/** Where the parts of a rendition's file lie: its init, and behind it the segments. */
export function byteRanges({ initBytes, segmentBytes }: Rendition) {
  let offset = BigInt(initBytes);
  return {
    init: { offset: 0n, length: initBytes },
    segments: segmentBytes.map((length) => {
      const segment = { offset, length };
      offset += BigInt(length);
      return segment;
    }),
  };
}
