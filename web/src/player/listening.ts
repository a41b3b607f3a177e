/** What is reported of a playback. The names are those of `PlaybackEventKind`. */
export type ListeningEvent = "STARTED" | "QUALIFIED" | "SKIPPED" | "ENDED";

/** A playback counts from here on, or when all of a shorter track was heard. */
const QUALIFIES_AT_S = 30;
/** A longer step of the playhead than this between two ticks is a seek, not listening. */
const MAX_STEP_S = 1.5;
/** Ticks and ends are not exact: this much may be missing of a short track heard whole. */
const SLACK_S = 0.5;

/**
 * Counts how much of one playback was heard, and says when that makes an event. Only what sounded
 * counts: seeking over music is not hearing it. Pure; times in seconds.
 */
export class Listening {
  private readonly durationS: number;
  private lastS: number | undefined;
  private heardS = 0;
  private qualified = false;
  private over = false;

  constructor(durationS: number) {
    this.durationS = durationS;
  }

  /** The playhead is at `positionS` while music sounds (or not: then nothing was heard since). */
  tick(positionS: number, sounding: boolean): ListeningEvent[] {
    const step = this.lastS === undefined ? 0 : positionS - this.lastS;
    this.lastS = positionS;
    if (this.over || !sounding || step <= 0 || step > MAX_STEP_S) return [];
    this.heardS += step;
    return this.qualify();
  }

  /** The track played to its end. */
  end(): ListeningEvent[] {
    if (this.over) return [];
    const missing = this.lastS === undefined ? 0 : this.durationS - this.lastS;
    if (missing > 0 && missing <= MAX_STEP_S) this.heardS += missing;
    const qualified = this.qualify();
    this.over = true;
    return [...qualified, "ENDED"];
  }

  /** The listener moved on. Only before the playback counted does that say that they did not like it. */
  leave(): ListeningEvent[] {
    if (this.over) return [];
    this.over = true;
    return this.qualified ? [] : ["SKIPPED"];
  }

  private qualify(): ListeningEvent[] {
    if (this.qualified || this.heardS < Math.min(QUALIFIES_AT_S, this.durationS - SLACK_S)) return [];
    this.qualified = true;
    return ["QUALIFIED"];
  }
}
