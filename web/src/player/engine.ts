import type { Deck } from "./deck.ts";
import type { EngineHooks } from "./engine-hooks.ts";
import { Filler } from "./filler.ts";
import type { AudioOutput } from "./output.ts";
import type { Cue, Programme } from "./plan.ts";
import type { Playback, Rendition } from "./playback.ts";
import type { ThroughputEstimator } from "./throughput.ts";
import { Timeline } from "./timeline.ts";

/** A hole in the media that is shorter is jumped over. */
const MAX_HOLE_S = 0.5;
/** Music so near to the playhead is not fetched anew when another quality is chosen. */
const KEEP_AHEAD_S = 4;
/** How often in a row to start over when the browser's decoder gives up. */
const MAX_RECOVERIES = 3;

/**
 * Plays tracks through one MediaSource without a gap: the tracks lie one behind the other on an endless
 * timeline, and the filler keeps the music ahead of the playhead complete. See README.md.
 */
export class Engine implements Deck {
  /** The listener wants music, whether or not it sounds at the moment. */
  wantsToPlay = false;
  /** The network fails; the engine goes on trying. */
  reconnecting = false;
  private readonly timeline = new Timeline();
  private wishedAtMs: number | undefined;
  private stalled = false;
  private recoveries = 0;
  private readonly output: AudioOutput;
  private readonly element: HTMLAudioElement;
  private readonly hooks: EngineHooks;
  private readonly filler: Filler;

  constructor(output: AudioOutput, throughput: ThroughputEstimator, hooks: EngineHooks) {
    this.output = output;
    this.element = output.element;
    this.hooks = hooks;
    this.filler = new Filler(this.element, throughput, {
      timeline: this.timeline,
      open: hooks.open,
      isFinal: hooks.isFinal,
      onOpened: (programme) => this.onOpened(programme),
      onAppended: hooks.onChange,
      onTrouble: (failing) => {
        this.reconnecting = failing;
        hooks.onChange();
      },
      onFailed: (programme, error) => this.onFailed(programme, error),
      onBroken: (error, programme) => this.recover(error, programme),
    });
    const on = (event: string, listener: () => void) => this.element.addEventListener(event, listener);
    on("timeupdate", () => this.onTime());
    on("playing", () => this.onSound());
    on("seeked", () => this.onSound());
    on("waiting", () => this.onWaiting());
    on("ended", () => this.current && this.hooks.onEnded(this.current.cue));
    on("pause", () => this.onPause());
    on("error", () => this.recover(this.element.error));
  }

  /** Seconds into the current track. */
  get positionS(): number {
    if (!this.current) return 0;
    const position = this.element.currentTime - this.current.startS;
    return Math.min(Math.max(0, position), this.current.playback?.durationS ?? Number.POSITIVE_INFINITY);
  }

  /** Seconds of music ahead of the playhead. */
  get bufferS(): number {
    return this.filler.bufferS;
  }

  /** Nothing sounds although it should. */
  get isWaiting(): boolean {
    const { element } = this;
    const silent = element.seeking || element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return this.wantsToPlay && (this.wishedAtMs !== undefined || this.stalled || silent);
  }

  /** Whether there is a track to play on with. */
  get isLoaded(): boolean {
    return this.current !== undefined;
  }

  /** The entry of the queue that is loaded. */
  get cue(): Cue | undefined {
    return this.current?.cue;
  }

  /** Seconds that the loaded track lasts, 0 before that is known. */
  get durationS(): number {
    return this.playback?.durationS ?? 0;
  }

  get playback(): Playback | undefined {
    return this.current?.playback;
  }

  /** The quality that sounds. */
  get rendition(): Rendition | undefined {
    return this.current && this.filler.renditionAt(this.element.currentTime);
  }

  /** What `setQuality` chose. */
  get qualityKbps(): number | undefined {
    return this.filler.fixedKbps;
  }

  /**
   * From here on the highest quality up to `kbps`, however slow the line, or what the moment allows. What
   * sounds within a few seconds stays as it is; what is buffered behind it is fetched anew.
   */
  setQuality(kbps: number | undefined): void {
    if (kbps === this.filler.fixedKbps) return;
    this.filler.fixedKbps = kbps;
    if (!this.current) return;
    this.timeline.forgetFetched();
    this.filler.dropFrom(this.element.currentTime + KEEP_AHEAD_S);
    this.filler.start();
  }

  /** Plays a track from `positionS` on. At once, where it is the one set by `setNext` and is buffered. */
  load(cue: Cue, positionS = 0): void {
    this.wishedAtMs = performance.now();
    const { next } = this.timeline;
    const isAtHand = next?.cue.uid === cue.uid && positionS === 0 && this.filler.isBuffered(next.startS);
    if (isAtHand) this.timeline.advance();
    else this.timeline.layFresh(cue);
    this.seekTo((this.current?.startS ?? 0) + positionS);
  }

  /** Says what follows the current track without a gap, or that nothing does. */
  setNext(cue: Cue | undefined): void {
    const dropped = this.timeline.next;
    if (cue?.uid === dropped?.cue.uid) return;
    this.timeline.follow(cue);
    if (!dropped) {
      this.filler.wake();
      return;
    }
    if (dropped.appended.size > 0) this.filler.dropFrom(dropped.startS);
    this.filler.start();
  }

  /** Call it within the listener's gesture: browsers start sound only then. */
  play(): void {
    this.wantsToPlay = true;
    this.output.resume();
    // At the end, the browser would go back to the start of the timeline, not of the track.
    if (this.element.ended && this.current && this.wishedAtMs === undefined) this.load(this.current.cue);
    this.element.play().catch((error: unknown) => {
      // Either interrupted by a later call, which decides, or refused until the listener presses play again.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.pause();
    });
    this.hooks.onChange();
  }

  pause(): void {
    this.wantsToPlay = false;
    this.element.pause();
    this.hooks.onChange();
  }

  /** Moves the playhead within the current track: at once where that is buffered. */
  seek(positionS: number): void {
    if (!this.current?.playback) return;
    // Just short of the end, so that the track still ends by playing.
    const latest = Math.max(0, this.current.playback.durationS - 0.1);
    this.seekTo(this.current.startS + Math.min(Math.max(0, positionS), latest));
  }

  /** Forgets the music. */
  stop(): void {
    this.filler.stop();
    this.timeline.clear();
    this.wishedAtMs = undefined;
    this.pause();
  }

  private get current(): Programme | undefined {
    return this.timeline.current;
  }

  private seekTo(timeS: number): void {
    this.stalled = false;
    this.timeline.forgetAppended();
    this.filler.reopen();
    this.element.currentTime = timeS;
    this.applyGain();
    if (this.current?.playback && this.filler.isBuffered(timeS)) this.filler.wake();
    else this.filler.start();
    this.hooks.onChange();
  }

  private applyGain(): void {
    if (this.current?.playback) this.output.setGain(this.current.playback.gainDb);
  }

  private onOpened(programme: Programme): void {
    this.timeline.settle(programme);
    this.applyGain();
    this.hooks.onChange();
  }

  private onTime(): void {
    const { next, current } = this.timeline;
    const untilNextS = next ? next.startS - this.element.currentTime : Number.POSITIVE_INFINITY;
    if (current?.playback && next?.playback && this.wishedAtMs === undefined) {
      if (untilNextS <= 0) this.advance(next, next.playback);
      // The clock that ticks here is too coarse for the boundary: the gain's own is not.
      else if (untilNextS < 1 && this.wantsToPlay) this.output.setGain(next.playback.gainDb, untilNextS);
    }
    this.filler.wake();
    this.hooks.onTime();
  }

  private advance(next: Programme, playback: Playback): void {
    this.timeline.advance();
    this.applyGain();
    this.hooks.onAdvance(next.cue);
    this.hooks.onStarted(playback, 0);
  }

  private onSound(): void {
    const { element, current } = this;
    if (element.paused || element.seeking || element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return;
    this.stalled = false;
    this.recoveries = 0;
    if (this.wishedAtMs !== undefined && current?.playback) {
      const startMs = performance.now() - this.wishedAtMs;
      this.wishedAtMs = undefined;
      this.hooks.onStarted(current.playback, startMs);
    }
    this.hooks.onChange();
  }

  private onWaiting(): void {
    const { element, current } = this;
    this.hooks.onChange();
    if (!this.wantsToPlay || this.wishedAtMs !== undefined || element.seeking || !current?.playback) return;
    const hole = this.filler.ranges.find((r) => r.start > element.currentTime);
    if (
      hole &&
      hole.start - element.currentTime < MAX_HOLE_S &&
      !this.filler.isBuffered(element.currentTime)
    ) {
      element.currentTime = hole.start;
      return;
    }
    this.stalled = true;
    this.hooks.onStalled(current.playback);
    this.hooks.onChange();
  }

  /** The browser pauses by itself when the headphones are pulled, or another app takes the speakers. */
  private onPause(): void {
    if (this.element.ended || !this.wantsToPlay || this.element.error) return;
    this.pause();
  }

  private onFailed(programme: Programme, error: unknown): void {
    if (programme === this.timeline.next) this.timeline.follow(undefined);
    else if (programme === this.current) this.stop();
    else return;
    this.hooks.onFailed(programme.cue, error);
  }

  /** A new MediaSource takes over where the playhead is. A next track that spoilt the old one is let go. */
  private recover(error: unknown, spoiler = this.current): void {
    const { current, timeline } = this;
    if (!current || !(this.element.error || error)) return;
    if (++this.recoveries > MAX_RECOVERIES) {
      this.onFailed(current, error);
      return;
    }
    const { wantsToPlay } = this;
    const timeS = this.element.currentTime;
    this.filler.distrust(timeS);
    this.filler.attach();
    if (timeline.next === spoiler) timeline.follow(undefined);
    timeline.forgetFetched();
    this.seekTo(timeS);
    if (wantsToPlay) this.play();
  }
}
