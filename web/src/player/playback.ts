import type {
  Rendition as RenditionMessage,
  StartPlaybackResponse,
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

/** All that is needed to play one track, with times in seconds from the track's start. */
export interface Playback {
  readonly id: string;
  readonly trackId: string;
  /** From the lowest to the highest bitrate; never empty. */
  readonly renditions: readonly Rendition[];
  /** Where each segment starts, and at the end where the last one ends. */
  readonly boundariesS: readonly number[];
  /** The exact length of the music, without what the encoder added. */
  readonly durationS: number;
  readonly gainDb: number;
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
  const rate = response.sampleRateHz;
  const boundariesS = [0];
  let samples = 0;
  for (const length of response.segmentSamples) {
    samples += length;
    boundariesS.push(samples / rate);
  }
  return {
    id: response.playbackId,
    trackId: response.track?.id ?? "",
    renditions: supported
      .filter((r) => r.mimeType === mimeType)
      .sort((a, b) => a.bitrateKbps - b.bitrateKbps),
    boundariesS,
    durationS: Number(response.totalSamples) / rate,
    gainDb: response.gainDb,
  };
}
