import type { LoadedSegment, Playback } from "./playback.ts";
import { bufferedEnd, covers, segmentAt, type TimeRange } from "./segments.ts";

/** What the engine is asked to play: one entry of the queue. */
export interface Cue {
  readonly uid: string;
  readonly trackId: string;
}

/** A track on the engine's timeline. `playback` is absent until StartPlayback has answered. */
export interface Programme {
  readonly cue: Cue;
  /** Where the track starts on the timeline, in seconds. */
  startS: number;
  playback: Playback | undefined;
  /** The first segment, fetched before its time. */
  preloaded: LoadedSegment | undefined;
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
  | { readonly kind: "preload"; readonly programme: Programme; readonly playback: Playback }
  | { readonly kind: "finish" };

/** Where the playhead is, what is buffered, and how many seconds ahead of it there should be music. */
export interface Situation {
  readonly playheadS: number;
  readonly ranges: readonly TimeRange[];
  readonly targetS: number;
}

/** A track that is about to play from `startS` on. */
export function programmeAt(cue: Cue, startS: number): Programme {
  return { cue, startS, playback: undefined, preloaded: undefined, appended: new Set() };
}

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

/** The next segment to fetch; `later` when it is not within the target yet, `complete` when there is none. */
function dueSegment(
  programme: Programme,
  playback: Playback,
  { playheadS, ranges, targetS }: Situation,
): number | "later" | "complete" {
  const count = playback.boundariesS.length - 1;
  for (let index = segmentAt(playback.boundariesS, playheadS - programme.startS); index < count; index++) {
    const range = segmentRange(programme, playback, index);
    if (range.end <= range.start || programme.appended.has(index) || covers(ranges, range)) continue;
    return range.start - playheadS < targetS ? index : "later";
  }
  return "complete";
}

/**
 * Decides what to load next. First the current track, up to the target. Then the one that follows: its
 * first segment is at hand early, so that skipping is instant, and it joins the buffer when its time
 * comes. Where none follows: the end of the stream. Undefined when there is nothing to do until the
 * playhead moves.
 */
export function planNext(
  current: Programme | undefined,
  next: Programme | undefined,
  situation: Situation,
): Job | undefined {
  if (!current) return undefined;
  if (!current.playback) return { kind: "open", programme: current };
  const due = dueSegment(current, current.playback, situation);
  if (typeof due === "number") {
    return { kind: "segment", programme: current, playback: current.playback, index: due };
  }
  if (!next) return due === "complete" ? { kind: "finish" } : undefined;
  if (!next.playback) return { kind: "open", programme: next };
  const { playback } = next;
  const following = due === "complete" ? dueSegment(next, playback, situation) : "later";
  if (typeof following === "number") return { kind: "segment", programme: next, playback, index: following };
  const atHand = next.preloaded || next.appended.size > 0;
  return atHand ? undefined : { kind: "preload", programme: next, playback };
}

/** Seconds of music ahead of the playhead. */
export function bufferAheadS(ranges: readonly TimeRange[], playheadS: number): number {
  return bufferedEnd(ranges, playheadS) - playheadS;
}
