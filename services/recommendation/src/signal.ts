/** What a listener does that says what they like. */
export type SignalKind = "heard" | "added" | "liked" | "skipped";

/** How much one signal of a kind counts. Deliberate acts say more than listening does; a skip takes away. */
export const SIGNAL_STRENGTH: Readonly<Record<SignalKind, number>> = {
  heard: 1,
  added: 2,
  liked: 3,
  skipped: -0.5,
};

/** A stop before this is a skip; one after it followed a qualified playback, which already counted. */
export const SKIP_BEFORE_MS = 30_000;

/** How long a skipped track is not recommended to who skipped it. */
export const SKIP_REST_MS = 14 * 86_400_000;

export interface Signal {
  readonly listenerId: string;
  readonly trackId: string;
  readonly kind: SignalKind;
  /** Where it comes from (a playback, a playlist): the same source counts once. */
  readonly source: string;
  readonly atMs: number;
}

/** A track the listener likes, by their latest signal on it. */
export interface Positive {
  readonly trackId: string;
  readonly kind: Exclude<SignalKind, "skipped">;
}

/** What a listener did lately. */
export interface Recent {
  /** Distinct tracks, latest first, at most `CONTEXT_LENGTH`. */
  readonly positives: readonly Positive[];
  readonly skippedIds: readonly string[];
}
