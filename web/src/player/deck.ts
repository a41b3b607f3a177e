import type { Cue } from "./plan.ts";

/** What plays the current track: the engine, or another device that this one only commands. */
export interface Deck {
  /** The listener wants music, whether or not it sounds at the moment. */
  readonly wantsToPlay: boolean;
  /** Nothing sounds although it should. */
  readonly isWaiting: boolean;
  readonly isLoaded: boolean;
  /** Seconds into the current track, and how many it has. */
  readonly positionS: number;
  readonly durationS: number;
  load(cue: Cue, positionS?: number): void;
  /** Says what follows the current track. */
  setNext(cue: Cue | undefined): void;
  play(): void;
  pause(): void;
  seek(positionS: number): void;
  stop(): void;
}
