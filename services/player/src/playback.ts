import { PlaybackEventKind, type ReportPlaybackRequest } from "@antiphon/proto/antiphon/player/v1/player";

/** One listener's playing of one track. */
export interface Playback {
  readonly id: string;
  readonly listenerId: string;
  readonly trackId: string;
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
