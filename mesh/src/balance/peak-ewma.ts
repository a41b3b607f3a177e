/** How long a latency peak is remembered: after this its weight is 1/e. */
const DECAY_MS = 10_000;
/** What an endpoint with too few answers to judge is taken to need. */
const INITIAL_MS = 30;
/** Failures in a row add up to no more than this; from there the breaker keeps attempts away. */
const WORST_PENALTY_MS = 1_000;
/** So many answers must come before peaks count: a process that just started is slow only once. */
const WARM_UP_SAMPLES = 5;

/**
 * A latency estimate that jumps up at once and comes down slowly.
 * Source: Finagle's `PeakEwma`, 10 s decay.
 */
export class PeakEwma {
  #ms = 0;
  #atMs = 0;
  #samples = 0;

  /** Whether enough answers came to judge. */
  get warm(): boolean {
    return this.#samples >= WARM_UP_SAMPLES;
  }

  /** The estimate at `nowMs`. It fades while nothing is heard, so that a slow endpoint is tried again. */
  at(nowMs: number): number {
    if (this.#samples === 0) return INITIAL_MS;
    return this.#ms * Math.exp((this.#atMs - nowMs) / DECAY_MS);
  }

  /** Takes in how long an attempt took. */
  observe(elapsedMs: number, nowMs: number): void {
    this.#move(elapsedMs, nowMs);
  }

  /** Takes in a failed attempt: at least twice the going latency, so that failing fast attracts nobody. */
  observeFailure(elapsedMs: number, nowMs: number): void {
    const least = this.warm ? Math.min(2 * this.at(nowMs), WORST_PENALTY_MS) : INITIAL_MS;
    this.#move(Math.max(elapsedMs, least), nowMs);
  }

  #move(ms: number, nowMs: number): void {
    const current = this.at(nowMs);
    if (this.#samples === 0) this.#ms = ms;
    else if (!this.warm) this.#ms = Math.min(current, ms);
    else if (ms >= current) this.#ms = ms;
    else {
      const weight = Math.exp((this.#atMs - nowMs) / DECAY_MS);
      this.#ms = this.#ms * weight + ms * (1 - weight);
    }
    this.#atMs = nowMs;
    this.#samples++;
  }
}
