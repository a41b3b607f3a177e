import type { Playback } from "./playback.ts";
import { bufferedEnd, covers, segmentAt, type TimeRange } from "./segments.ts";

/** What the engine is asked to play: one entry of the queue. */
export interface Cue {
  readonly uid: number;
  readonly trackId: string;
}

/** A track on the engine's timeline. `playback` is absent until StartPlayback has answered. */
export interface Programme {
  readonly cue: Cue;
  /** Where the track starts on the timeline, in seconds. */
  startS: number;
  playback: Playback | undefined;
  /** Segments appended since the last seek, so that a hole in the media is not filled for ever. */
  readonly appended: Set<number>;
}

/** The next thing to do to keep the music going. */
export type Job =
  | { readonly kind: "open"; readonly programme: Programme }
  | {
      readonly kind: "segment";
      readonly programme: Programme;
      readonly playback: Playback;
      readonly index: number;
    }
  | { readonly kind: "finish" };

/** Where the track ends on the timeline; its start while its length is unknown. */
export function endOf(programme: Programme): number {
  return programme.startS + (programme.playback?.durationS ?? 0);
}

/** Where a segment lies on the timeline, what the encoder padded left out. */
export function segmentRange(programme: Programme, playback: Playback, index: number): TimeRange {
  const start = playback.boundariesS[index] ?? playback.durationS;
  const end = Math.min(playback.boundariesS[index + 1] ?? playback.durationS, playback.durationS);
  return { start: programme.startS + start, end: programme.startS + Math.max(start, end) };
}

function missingSegment(
  programme: Programme,
  playback: Playback,
  fromS: number,
  ranges: readonly TimeRange[],
): number | undefined {
  const count = playback.boundariesS.length - 1;
  for (let index = segmentAt(playback.boundariesS, fromS - programme.startS); index < count; index++) {
    const range = segmentRange(programme, playback, index);
    if (range.end > range.start && !programme.appended.has(index) && !covers(ranges, range)) return index;
  }
  return undefined;
}

/**
 * Decides what to load next: the first thing that is missing from the playhead on, through the current
 * track and into the next one, up to `targetS` seconds ahead; then, where no track follows, the end of
 * the stream. Undefined when there is nothing to do until the playhead moves.
 */
export function planNext(
  programmes: readonly Programme[],
  playheadS: number,
  ranges: readonly TimeRange[],
  targetS: number,
): Job | undefined {
  for (const programme of programmes) {
    const { playback } = programme;
    if (programme.startS - playheadS >= targetS) return undefined;
    if (!playback) return { kind: "open", programme };
    const index = missingSegment(programme, playback, playheadS, ranges);
    if (index === undefined) continue;
    const { start } = segmentRange(programme, playback, index);
    return start - playheadS < targetS ? { kind: "segment", programme, playback, index } : undefined;
  }
  return { kind: "finish" };
}

/** Seconds of music ahead of the playhead. */
export function bufferAheadS(ranges: readonly TimeRange[], playheadS: number): number {
  return bufferedEnd(ranges, playheadS) - playheadS;
}
