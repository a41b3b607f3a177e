import {
  Codec,
  type Rendition as RenditionMessage,
  type StartPlaybackResponse,
} from "@antiphon/proto/antiphon/player/v1/player";

/** Bytes of a rendition's file: `length` bytes from `offset`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** One quality of a track: a fragmented MP4 whose segments are byte ranges of one signed URL. */
export interface Rendition {
  readonly id: string;
  readonly bitrateKbps: number;
  readonly mimeType: string;
  readonly url: string;
  readonly init: ByteRange;
  readonly segments: readonly ByteRange[];
}

/** A segment's bytes, with the init segment of its ladder. */
export interface LoadedSegment {
  readonly rendition: Rendition;
  readonly init: Uint8Array<ArrayBuffer>;
  readonly media: Uint8Array<ArrayBuffer>;
}

/** All that is needed to play one track, with times in seconds from the track's start. */
export interface Playback {
  readonly id: string;
  readonly trackId: string;
  /**
   * From the lowest to the highest bitrate; never empty. All in one codec, with one sample rate and as many
   * channels: the init segment of one serves all.
   */
  readonly renditions: readonly Rendition[];
  /** Where each segment starts, and at the end where the last one ends. */
  readonly boundariesS: readonly number[];
  /** The exact length of the music, without what the encoder added. */
  readonly durationS: number;
  /** What the browser would play before the music: AAC's encoder delay. 0 for Opus. */
  readonly primingS: number;
  readonly gainDb: number;
  /** The first segment in the lowest quality, where it came with the answer. */
  readonly first: LoadedSegment | undefined;
  /** Higher bitrates are still being made: another StartPlayback finds them later. */
  readonly ladderGrows: boolean;
  /** The peak of each of equal parts of the music, 0 to 255: a waveform. Default: none is known. */
  readonly peaks?: Uint8Array;
}

const MIME_TYPES = [
  [Codec.OPUS, 'audio/mp4; codecs="opus"'],
  [Codec.AAC, 'audio/mp4; codecs="mp4a.40.2"'],
] as const;

/** The codecs to ask for, the one that sounds better at the same bitrate first. */
export function supportedCodecs(isTypeSupported: (mimeType: string) => boolean): Codec[] {
  return MIME_TYPES.filter(([, mimeType]) => isTypeSupported(mimeType)).map(([codec]) => codec);
}

/** This browser plays none of the track's renditions. */
export class UnsupportedAudioError extends Error {
  override readonly name = "UnsupportedAudioError";
}

function rendition(message: RenditionMessage): Rendition {
  const range = (r: { offset: bigint; length: number } | undefined): ByteRange => ({
    offset: Number(r?.offset ?? 0n),
    length: r?.length ?? 0,
  });
  return {
    id: message.id,
    bitrateKbps: message.bitrateKbps,
    mimeType: message.mimeType,
    url: message.url,
    init: range(message.init),
    segments: message.segments.map(range),
  };
}

/**
 * Reads the answer of StartPlayback, keeping the renditions that the browser takes.
 * Codecs are never mixed within a track: that leaves a hole in which playback stops.
 * Throws `UnsupportedAudioError` when none is left.
 */
export function playbackFrom(
  response: StartPlaybackResponse,
  isTypeSupported: (mimeType: string) => boolean,
): Playback {
  const supported = response.renditions.map(rendition).filter((r) => isTypeSupported(r.mimeType));
  const mimeType = supported[0]?.mimeType;
  if (mimeType === undefined) {
    const offered = [...new Set(response.renditions.map((r) => r.mimeType))].join(", ") || "nothing";
    throw new UnsupportedAudioError(`This browser cannot play the audio on offer (${offered}).`);
  }
  const renditions = supported
    .filter((r) => r.mimeType === mimeType)
    .sort((a, b) => a.bitrateKbps - b.bitrateKbps);
  const rate = response.sampleRateHz;
  const boundariesS = [0];
  let samples = -response.primingSamples;
  for (const length of response.segmentSamples) {
    samples += length;
    boundariesS.push(samples / rate);
  }
  return {
    id: response.playbackId,
    trackId: response.track?.id ?? "",
    renditions,
    boundariesS,
    durationS: Number(response.totalSamples) / rate,
    primingS: response.primingSamples / rate,
    gainDb: response.gainDb,
    first: firstSegment(renditions[0], response.firstSegment),
    ladderGrows: response.ladderGrows,
    peaks: response.peaks.slice(),
  };
}

function firstSegment(lowest: Rendition | undefined, bytes: Uint8Array): LoadedSegment | undefined {
  const [segment] = lowest?.segments ?? [];
  if (!lowest || !segment || bytes.length !== segment.offset + segment.length) return undefined;
  const copy = new Uint8Array(bytes);
  return {
    rendition: lowest,
    init: copy.subarray(0, lowest.init.length),
    media: copy.subarray(segment.offset),
  };
}
