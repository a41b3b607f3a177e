import type { Clock } from "../src/clock.ts";

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #startMs: number;

  /** @param startMs what `now()` says first, milliseconds since the epoch; default 2026-01-01T00:00:00Z */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  advance(ms: number): void {
    this.#elapsedMs += ms;
  }
}
