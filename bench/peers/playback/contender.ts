/// <reference lib="dom" />

/** What a page can play a track with. Made before the listener's click, as a page would. */
export interface Contender {
  readonly element: HTMLMediaElement;
  /** The click: everything that is needed to hear the track from its start. */
  play(): void;
  /** Seconds into the track. */
  seek(positionS: number): void;
  /** Where on the element's own timeline the track starts. */
  startS(): number;
  /** The step of the ladder that sounds, from 0; undefined where there is no ladder. */
  rung(): number | undefined;
  stop(): Promise<void> | void;
}
