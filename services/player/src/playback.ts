import { PlaybackEventKind, type ReportPlaybackRequest } from "@antiphon/proto/antiphon/player/v1/player";

/** One listener's playing of one track. */
export interface Playback {
  readonly id: string;
  readonly listenerId: string;
  readonly trackId: string;
  /** The earliest that a report of QUALIFIED is believed, milliseconds since the epoch. */
  readonly qualifiesAtMs: number;
}

/** What must be heard of a track for its playback to count, where it is not shorter. */
const COUNTS_FROM_MS = 30_000;
/** Replicas' clocks differ by up to a second, and browsers may lack half of one when a short track has ended. */
const TOLERANCE_MS = 1_500;

/** How soon after StartPlayback so much can have been heard that it counts, milliseconds. */
export function qualifiesAfterMs(durationMs: number): number {
  return Math.max(0, Math.min(COUNTS_FROM_MS, durationMs) - TOLERANCE_MS);
}

/** Whether it tells of a playback that it qualified before it can have. */
export function isTooEarly(
  { qualifiesAtMs }: Playback,
  { kind }: Pick<ReportPlaybackRequest, "kind">,
  atMs: number,
): boolean {
  return kind === PlaybackEventKind.QUALIFIED && atMs < qualifiesAtMs;
}

/**
 * What must be new of a report for it to count: its key where it has one, and its kind but for stalls,
 * of which a playback can have many.
 */
export function marksOf({ kind, idempotencyKey }: ReportPlaybackRequest): string[] {
  return [
    ...(idempotencyKey ? [`key ${idempotencyKey}`] : []),
    ...(kind === PlaybackEventKind.STALLED ? [] : [`kind ${PlaybackEventKind[kind]}`]),
  ];
}
