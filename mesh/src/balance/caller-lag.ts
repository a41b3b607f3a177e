/** How often the event loop is asked to answer while attempts are under way. */
const TICK_MS = 20;
/** What a loop that is well may be late. */
const TOLERANCE_MS = 5;

/** For how long the caller itself could not listen. */
export interface CallerLag {
  /** Of all time until now, in milliseconds; only differences mean something. Never goes back. */
  stalledMs(nowMs: number): number;
}

/** One that was never late: for tests and simulated callers. */
export const noLag: CallerLag = { stalledMs: () => 0 };

/**
 * Measures how late the event loop is. An answer that lay in the socket while the caller was busy, or
 * stopped, was not slow, and a deadline that passed meanwhile was not missed by the server.
 *
 * It ticks only while somebody asks. A tick that is overdue counts from the moment it was due: whoever is
 * woken first after a stall, an answer or a deadline, knows of it already.
 */
export class LoopLag implements CallerLag {
  readonly #monotonic: () => number;
  #settledMs = 0;
  #lastTickMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  stalledMs(nowMs: number): number {
    this.#askedAtMs = nowMs;
    if (this.#timer === undefined) {
      this.#lastTickMs = nowMs;
      this.#timer = setTimeout(this.#tick, TICK_MS).unref();
    }
    return this.#settledMs + this.#overdueMs(nowMs);
  }

  readonly #tick = (): void => {
    const nowMs = this.#monotonic();
    this.#settledMs += this.#overdueMs(nowMs);
    this.#lastTickMs = nowMs;
    // A caller with nothing to do is left to sleep.
    const isAsked = nowMs - this.#askedAtMs < 1_000;
    this.#timer = isAsked ? setTimeout(this.#tick, TICK_MS).unref() : undefined;
  };

  #overdueMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#lastTickMs - TICK_MS - TOLERANCE_MS);
  }
}

/** That of this process. */
export const loopLag: CallerLag = new LoopLag();
