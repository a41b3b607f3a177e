import { type TimeRange, toRanges } from "./segments.ts";

/** Where on the MediaSource's timeline an append goes. */
export interface Placement {
  /** The track's start; what the segment says of time is relative to it. */
  readonly offsetS: number;
  /** Frames outside are dropped: what the encoder padded falls away, and tracks join to the sample. */
  readonly window: TimeRange;
}

/** The browser refused what was appended, or closed the MediaSource: only a new one helps. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** Longer than anything that plays: with an endless duration, browsers refuse to seek ahead of the buffer. */
const TIMELINE_S = 1_000_000;

/**
 * Owns a SourceBuffer: one operation at a time, in the order of the calls.
 * Its methods reject `DecodeError` when the browser cannot use the bytes, or has closed the MediaSource.
 */
export class BufferWriter {
  private readonly source: MediaSource;
  private readonly buffer: SourceBuffer;
  private tail = Promise.resolve();

  constructor(source: MediaSource, mimeType: string) {
    this.source = source;
    source.duration = TIMELINE_S;
    this.buffer = source.addSourceBuffer(mimeType);
  }

  /** What is buffered now, ranges that touch joined. */
  get ranges(): TimeRange[] {
    return this.source.readyState === "closed" ? [] : toRanges(this.buffer.buffered);
  }

  /** Resolves when what was asked for so far is done, whether it succeeded or not. */
  get settled(): Promise<void> {
    return this.tail;
  }

  /** Whether `finish` is in effect. */
  get isFinished(): boolean {
    return this.source.readyState === "ended";
  }

  /** Appends an init segment or a media segment. Makes room by dropping `behindS` (and before) when full. */
  append(bytes: Uint8Array<ArrayBuffer>, placement: Placement, behindS: number): Promise<void> {
    return this.enqueue(async () => {
      this.place(placement);
      try {
        await this.run(() => this.buffer.appendBuffer(bytes));
      } catch (error) {
        if (!(error instanceof DOMException && error.name === "QuotaExceededError") || behindS <= 0)
          throw error;
        await this.run(() => this.buffer.remove(0, behindS));
        await this.run(() => this.buffer.appendBuffer(bytes));
      }
    });
  }

  /** Drops what is buffered within the range. */
  remove({ start, end }: TimeRange): Promise<void> {
    return this.enqueue(async () => {
      if (end <= start || !this.ranges.some((r) => r.start < end && start < r.end)) return;
      this.reopen();
      await this.run(() => this.buffer.remove(start, end));
    });
  }

  /** Says that nothing follows, so that the last sample is played out. A later append takes it back. */
  finish(): Promise<void> {
    return this.enqueue(async () => {
      if (this.source.readyState === "open") this.source.endOfStream();
    });
  }

  /** Changes the codec of what is appended from here on. */
  changeType(mimeType: string): Promise<void> {
    return this.enqueue(async () => {
      this.reopen();
      this.buffer.changeType(mimeType);
    });
  }

  private place({ offsetS, window }: Placement): void {
    this.reopen();
    const { buffer } = this;
    if (buffer.timestampOffset === offsetS && buffer.appendWindowEnd === window.end) return;
    // The window is opened before it moves: its start may never lie behind its end.
    buffer.appendWindowEnd = Number.POSITIVE_INFINITY;
    buffer.appendWindowStart = 0;
    buffer.timestampOffset = offsetS;
    buffer.appendWindowStart = window.start;
    buffer.appendWindowEnd = window.end;
  }

  /**
   * Takes `finish` back: until then, the playhead cannot leave what is buffered. Does nothing otherwise.
   * Assigning an offset is what reopens a MediaSource; its duration has shrunk to what was buffered.
   */
  reopen(): void {
    if (this.source.readyState !== "ended") return;
    const { timestampOffset } = this.buffer;
    this.buffer.timestampOffset = timestampOffset;
    this.source.duration = TIMELINE_S;
  }

  private run(start: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const { buffer } = this;
      const settle = (outcome: () => void) => {
        buffer.removeEventListener("updateend", onEnd);
        buffer.removeEventListener("error", onError);
        outcome();
      };
      const onEnd = () => settle(resolve);
      const onError = () => settle(() => reject(new Error("The browser could not decode a segment.")));
      buffer.addEventListener("updateend", onEnd);
      buffer.addEventListener("error", onError);
      try {
        start();
      } catch (error) {
        settle(() => reject(error));
      }
    });
  }

  private enqueue(operation: () => Promise<void>): Promise<void> {
    const result = this.tail.then(operation).catch((cause: unknown) => {
      throw new DecodeError("The browser cannot play on.", { cause });
    });
    this.tail = result.catch(() => undefined);
    return result;
  }
}
