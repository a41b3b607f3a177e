import { HEALTHY_BUFFER_S } from "./abr.ts";
import { backoffMs, pause } from "./backoff.ts";
import { BufferWriter, DecodeError } from "./buffer-writer.ts";
import { bufferAheadS, endOf, type Job, type Programme, planNext, segmentRange } from "./plan.ts";
import type { Playback, Rendition } from "./playback.ts";
import { type LoadContext, SegmentLoader } from "./segment-loader.ts";
import { bufferedEnd, type TimeRange } from "./segments.ts";
import type { ThroughputEstimator } from "./throughput.ts";
import type { Timeline } from "./timeline.ts";

/** What the filler asks of the engine, and tells it. */
export interface FillerHost {
  readonly timeline: Pick<Timeline, "current" | "next">;
  /** StartPlayback; `atOnce` when silence waits for it. Rejections for which `isFinal` says no are retried. */
  open(trackId: string, atOnce: boolean, signal: AbortSignal): Promise<Playback>;
  isFinal(error: unknown): boolean;
  onOpened(programme: Programme): void;
  onAppended(): void;
  /** The network fails (true), or works again (false). */
  onTrouble(failing: boolean): void;
  /** This track cannot be played, and trying again would not help. */
  onFailed(programme: Programme, error: unknown): void;
  /** The browser's decoder gave up, on `programme` where that is known: `attach` anew. */
  onBroken(error: unknown, programme?: Programme): void;
}

/** Seconds to fill ahead of the playhead. */
export const BUFFER_AHEAD_S = 30;
/** Seconds to keep behind it, and by how much more to let it grow before trimming. */
const KEEP_BEHIND_S = 20;
const TRIM_SLACK_S = 10;
/** How often to look whether higher bitrates have been made. */
const GROW_EVERY_MS = 5_000;

interface Appended extends TimeRange {
  readonly rendition: Rendition;
}

/** Keeps the music ahead of the playhead complete: one loop, one thing at a time, until it is stopped. */
export class Filler {
  private readonly element: HTMLAudioElement;
  private readonly host: FillerHost;
  private readonly loader: SegmentLoader;
  /** The quality that the listener chose; undefined leaves it to the moment. */
  fixedKbps: number | undefined;
  private source!: Promise<MediaSource>;
  private writer: BufferWriter | undefined;
  private mimeType = "";
  /** The init segment that what is appended next is read by. */
  private init: Uint8Array | undefined;
  private log: Appended[] = [];
  private growAtMs = 0;
  private loop = new AbortController();
  private wakeUp: () => void = () => undefined;

  constructor(element: HTMLAudioElement, throughput: ThroughputEstimator, host: FillerHost) {
    this.element = element;
    this.host = host;
    this.loader = new SegmentLoader(throughput);
    this.attach();
  }

  /** Gives the element a new, empty MediaSource. */
  attach(): void {
    this.stop();
    const source = new MediaSource();
    const url = URL.createObjectURL(source);
    this.writer = undefined;
    this.init = undefined;
    this.log = [];
    this.source = new Promise((resolve) => {
      source.addEventListener(
        "sourceopen",
        () => {
          URL.revokeObjectURL(url);
          resolve(source);
        },
        { once: true },
      );
    });
    this.element.src = url;
  }

  get ranges(): TimeRange[] {
    return this.writer?.ranges ?? [];
  }

  /** Seconds of music ahead of the playhead. */
  get bufferS(): number {
    return bufferAheadS(this.ranges, this.element.currentTime);
  }

  /** Nothing can sound yet: every millisecond until it does is silence. */
  private get isStarting(): boolean {
    return this.bufferS < 0.1;
  }

  /** Whether there is music at `timeS`. */
  isBuffered(timeS: number): boolean {
    return bufferedEnd(this.ranges, timeS) > timeS;
  }

  /** The quality of what was appended for `timeS`. */
  renditionAt(timeS: number): Rendition | undefined {
    return this.log.findLast((entry) => entry.start <= timeS + 0.05 && timeS < entry.end)?.rendition;
  }

  /** What lies at `timeS` cannot be decoded: get it elsewhere. */
  distrust(timeS: number): void {
    const rendition = this.renditionAt(timeS);
    if (rendition) this.loader.distrust(rendition);
  }

  /** Starts over from the playhead, giving up what is being fetched. */
  start(): void {
    this.stop();
    this.loop = new AbortController();
    const { signal } = this.loop;
    this.run(signal).catch((error: unknown) => {
      if (!signal.aborted) this.host.onBroken(error);
    });
  }

  /** Something changed: there may be more to do. */
  wake(): void {
    this.wakeUp();
  }

  stop(): void {
    this.loop.abort();
  }

  /** Lets the playhead go beyond what is buffered. */
  reopen(): void {
    this.writer?.reopen();
  }

  /** Forgets what was appended from `startS` on. */
  dropFrom(startS: number): void {
    this.log = this.log.filter((entry) => entry.start < startS);
    void this.writer?.remove({ start: startS, end: Number.POSITIVE_INFINITY });
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.writer?.settled;
      const { current, next } = this.host.timeline;
      const job = planNext(current, next, {
        playheadS: this.element.currentTime,
        ranges: this.ranges,
        targetS: BUFFER_AHEAD_S,
      });
      const idle = !job || (job.kind === "finish" && this.writer?.isFinished);
      if (idle) await this.woken(signal);
      else await this.perform(job, signal);
    }
  }

  private async perform(job: Job, signal: AbortSignal): Promise<void> {
    if (job.kind === "finish") return this.writer?.finish();
    try {
      const { programme } = job;
      if (job.kind === "segment") return await this.fill(job, signal);
      if (job.kind === "preload") {
        programme.preloaded = await this.load(programme, job.playback, 0, signal);
        return;
      }
      programme.playback = await this.open(programme, signal);
      this.host.onOpened(programme);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DecodeError) {
        this.stop();
        this.host.onBroken(error, job.programme);
      } else {
        this.host.onFailed(job.programme, error);
      }
    }
  }

  private async open(programme: Programme, signal: AbortSignal): Promise<Playback> {
    for (let attempt = 1; ; attempt++) {
      try {
        const atOnce = programme === this.host.timeline.current && this.isStarting;
        const playback = await this.host.open(programme.cue.trackId, atOnce, signal);
        this.host.onTrouble(false);
        return playback;
      } catch (error) {
        if (signal.aborted || this.host.isFinal(error)) throw error;
        this.host.onTrouble(true);
        await pause(backoffMs(attempt), signal);
      }
    }
  }

  /** A new playback of the same track: its URLs are fresh, what was heard belongs to the first one. */
  private async refresh(programme: Programme, playback: Playback, signal: AbortSignal): Promise<Playback> {
    const fresh = await this.open(programme, signal);
    programme.playback = { ...fresh, id: playback.id };
    return programme.playback;
  }

  /** The playback with the bitrates that were made meanwhile, looked for now and then while there is time. */
  private async grown(programme: Programme, playback: Playback, signal: AbortSignal): Promise<Playback> {
    const now = performance.now();
    if (!playback.ladderGrows || this.bufferS < HEALTHY_BUFFER_S || now < this.growAtMs) return playback;
    this.growAtMs = now + GROW_EVERY_MS;
    return await this.refresh(programme, playback, signal).catch(() => playback);
  }

  private load(programme: Programme, playback: Playback, index: number, signal: AbortSignal) {
    const context: LoadContext = {
      bufferS: () => this.bufferS,
      bufferTargetS: BUFFER_AHEAD_S,
      starting: this.isStarting,
      fixedKbps: this.fixedKbps,
      refresh: () => this.refresh(programme, playback, signal),
      onTrouble: (failing) => this.host.onTrouble(failing),
    };
    return this.loader.load(playback, index, context, signal);
  }

  private async fill(job: Extract<Job, { kind: "segment" }>, signal: AbortSignal) {
    const { programme, index } = job;
    const playback = await this.grown(programme, job.playback, signal);
    const atHand = index === 0 ? programme.preloaded : undefined;
    const { rendition, init, media } = atHand ?? (await this.load(programme, playback, index, signal));
    signal.throwIfAborted();
    const writer = await this.writerFor(rendition.mimeType);
    const placement = {
      offsetS: programme.startS - playback.primingS,
      window: { start: programme.startS, end: endOf(programme) },
    };
    const evictable = this.element.currentTime - 1;
    try {
      if (this.init !== init) await writer.append(init, placement, evictable);
      this.init = init;
      await writer.append(media, placement, evictable);
    } catch (error) {
      this.loader.distrust(rendition);
      throw error;
    }
    programme.appended.add(index);
    this.log.push({ ...segmentRange(programme, playback, index), rendition });
    this.trim(writer);
    this.host.onAppended();
  }

  private async writerFor(mimeType: string): Promise<BufferWriter> {
    const source = await this.source;
    if (!this.writer) this.writer = new BufferWriter(source, mimeType);
    else if (this.mimeType !== mimeType) await this.writer.changeType(mimeType);
    this.mimeType = mimeType;
    return this.writer;
  }

  private trim(writer: BufferWriter): void {
    const keepFrom = this.element.currentTime - KEEP_BEHIND_S;
    this.log = this.log.filter((entry) => entry.end > keepFrom);
    const first = writer.ranges[0]?.start ?? keepFrom;
    if (keepFrom - first > TRIM_SLACK_S) void writer.remove({ start: 0, end: keepFrom });
  }

  private woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
