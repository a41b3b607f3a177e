import { type Cue, endOf, type Programme, programmeAt } from "./plan.ts";

/** Tracks that do not follow each other are set apart, so that nothing joins them by accident. */
const APART_S = 2;

/**
 * The endless timeline that tracks are laid on: the current one, and close behind it the one that
 * follows. A track that does not follow starts where nothing was laid before.
 */
export class Timeline {
  current: Programme | undefined;
  next: Programme | undefined;
  private horizonS = 0;

  /** Makes the track that follows the current one. */
  advance(): void {
    this.current = this.next;
    this.next = undefined;
  }

  /** Lays a track behind all others. What was got ready for it, where it was to follow, is kept. */
  layFresh(cue: Cue): void {
    const ready = this.next?.cue.uid === cue.uid ? this.next : undefined;
    const fresh = programmeAt(cue, this.freshStartS());
    this.current = { ...fresh, playback: ready?.playback, preloaded: ready?.preloaded };
    this.next = undefined;
  }

  /** Lays a track close behind the current one, or nothing. */
  follow(cue: Cue | undefined): void {
    this.next = cue && this.current && programmeAt(cue, endOf(this.current));
  }

  /** The length of a track is known now: what follows it moves to its end. */
  settle(programme: Programme): void {
    if (programme === this.current && this.next) this.next.startS = endOf(programme);
  }

  /** Forgets which segments were appended, so that each is looked for again: after a seek. */
  forgetAppended(): void {
    this.current?.appended.clear();
    this.next?.appended.clear();
  }

  /** Forgets all media, so that it is fetched anew. */
  forgetFetched(): void {
    this.forgetAppended();
    if (this.current) this.current.preloaded = undefined;
    if (this.next) this.next.preloaded = undefined;
  }

  /** Takes all tracks off. */
  clear(): void {
    this.horizonS = this.freshStartS();
    this.current = undefined;
    this.next = undefined;
  }

  private freshStartS(): number {
    const ends = [this.current, this.next].map((programme) => (programme ? endOf(programme) + APART_S : 0));
    this.horizonS = Math.ceil(Math.max(this.horizonS, ...ends));
    return this.horizonS;
  }
}
