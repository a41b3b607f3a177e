import type { Audio, Rendition } from "./audio-store.ts";
import { type CodecName, LADDERS } from "./ladder.ts";

/**
 * A playlist for players that know HLS. It is an object of the media route whose id says all that is in it,
 * so that it can be kept as long as others: a ladder's lowest `rungs` renditions, or one of them, with URLs
 * that are good until `expiresAtS` (seconds since the epoch).
 */
export interface PlaylistName {
  readonly codec: CodecName;
  readonly trackId: string;
  readonly expiresAtS: number;
  readonly of: { readonly rungs: number } | { readonly bitrateKbps: number };
}

/** Signs a path below the media route until a playlist's end. */
export type SignObject = (objectId: string) => string;

const PATTERN = /^hls_(opus|aac)_([nk])(\d{1,3})_([0-9a-z]{20})_(\d{10})\.m3u8$/;

export function playlistId({ codec, trackId, expiresAtS, of }: PlaylistName): string {
  const part = "rungs" in of ? `n${of.rungs}` : `k${of.bitrateKbps}`;
  return `hls_${codec}_${part}_${trackId.replace(/^trk_/, "")}_${expiresAtS}.m3u8`;
}

/** What an object id says of a playlist; undefined where it is none's. */
export function playlistNamed(objectId: string): PlaylistName | undefined {
  const [, codec, kind, number, track, expires] = PATTERN.exec(objectId) ?? [];
  if (!codec) return undefined;
  return {
    codec: codec as CodecName,
    trackId: `trk_${track}`,
    expiresAtS: Number(expires),
    of: kind === "n" ? { rungs: Number(number) } : { bitrateKbps: Number(number) },
  };
}

/**
 * Writes a playlist; undefined where the track has no such rendition.
 * Source: RFC 8216, 4.3 (tags), version 7 for fragmented MP4 in byte ranges.
 */
export function playlist(name: PlaylistName, audio: Audio, sign: SignObject): string | undefined {
  const { of } = name;
  if ("rungs" in of) {
    const renditions = audio.renditions.slice(0, of.rungs);
    return renditions.length === of.rungs ? master(name, renditions, sign) : undefined;
  }
  const rendition = audio.renditions.find(({ bitrateKbps }) => bitrateKbps === of.bitrateKbps);
  return rendition && media(name.codec, audio, rendition, sign);
}

function master(name: PlaylistName, renditions: readonly Rendition[], sign: SignObject): string {
  const [codecs] = /"(.*)"/.exec(LADDERS[name.codec].mimeType)!.slice(1);
  const lines = renditions.flatMap(({ bitrateKbps }) => [
    // What fragments add, and a bitrate that varies, are within a fifth.
    `#EXT-X-STREAM-INF:BANDWIDTH=${bitrateKbps * 1_200},AVERAGE-BANDWIDTH=${bitrateKbps * 1_000},CODECS="${codecs}"`,
    sign(playlistId({ ...name, of: { bitrateKbps } })),
  ]);
  return ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", ...lines, ""].join("\n");
}

function media(codec: CodecName, audio: Audio, rendition: Rendition, sign: SignObject): string {
  const { sampleRateHz } = LADDERS[codec];
  const seconds = audio.segmentSamples.map((samples) => samples / sampleRateHz);
  const url = sign(rendition.objectId);
  let offset = rendition.initBytes;
  const segments = rendition.segmentBytes.flatMap((length, i) => {
    const lines = [`#EXTINF:${seconds[i]!.toFixed(5)},`, `#EXT-X-BYTERANGE:${length}@${offset}`, url];
    offset += length;
    return lines;
  });
  return [
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    `#EXT-X-TARGETDURATION:${Math.ceil(Math.max(...seconds))}`,
    "#EXT-X-PLAYLIST-TYPE:VOD",
    `#EXT-X-MAP:URI="${url}",BYTERANGE="${rendition.initBytes}@0"`,
    ...segments,
    "#EXT-X-ENDLIST",
    "",
  ].join("\n");
}
