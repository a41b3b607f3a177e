import type { Cue } from "./plan.ts";
import type { Playback } from "./playback.ts";

/** What the engine needs from outside, and what it tells. */
export interface EngineHooks {
  /** StartPlayback; `atOnce` when silence waits for it. Rejections for which `isFinal` says no are retried. */
  open(trackId: string, atOnce: boolean, signal: AbortSignal): Promise<Playback>;
  isFinal(error: unknown): boolean;
  /** Anything of the engine's state may have changed. */
  onChange(): void;
  /** A track sounds: `startMs` after it was wished for, 0 where it followed without a gap. */
  onStarted(playback: Playback, startMs: number): void;
  /** The playhead moved, about four times a second. */
  onTime(): void;
  /** The playhead crossed from the current track into the one set by `setNext`. */
  onAdvance(cue: Cue): void;
  /** The current track played to its end, and none follows. */
  onEnded(cue: Cue): void;
  /** The buffer ran dry while music should sound. */
  onStalled(playback: Playback): void;
  /** A track cannot be played, and trying again would not help. The engine has let go of it. */
  onFailed(cue: Cue, error: unknown): void;
}
