import { isNack, loadOf, pushbackOf, type Trailer } from "../resilience/load-headers.ts";

/** What a server said of its load counts less and less, and no more after this. */
const FORGOTTEN_AFTER_MS = 2_000;
/** A server that has just refused a call is picked where the other of the two is so many times worse. */
const RESTING = 16;
const LONGEST_REST_MS = 1_000;
/** From this load on a server is no place for what others refused: it is about to refuse as well. */
const UNWILLING = 0.9;

/** How busy a server says it is, in its answers and by refusing calls. */
export class PeerLoad {
  #load = 0;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  /** Takes in what an answer, or a refusal, told by its trailers. */
  hear(trailer: Trailer, nowMs: number): void {
    const load = loadOf(trailer);
    if (load !== undefined) this.heard(load, nowMs);
    if (isNack(trailer)) this.refused(pushbackOf(trailer) ?? 0, nowMs);
  }

  /** 0 is idle, 1 at the limit. */
  heard(load: number, nowMs: number): void {
    this.#load = load;
    this.#heardAtMs = nowMs;
  }

  /** It refused a call, and wants to be spared for so long; a second at most. */
  refused(pushbackMs: number, nowMs: number): void {
    this.heard(1, nowMs);
    if (pushbackMs > 0) this.#restsUntilMs = nowMs + Math.min(pushbackMs, LONGEST_REST_MS);
  }

  rests(nowMs: number): boolean {
    return nowMs < this.#restsUntilMs;
  }

  /** Whether it may take what another one refused. */
  willing(nowMs: number): boolean {
    return !this.rests(nowMs) && this.at(nowMs) < UNWILLING;
  }

  /** 0 to 1. */
  at(nowMs: number): number {
    return this.#load * Math.max(0, 1 - (nowMs - this.#heardAtMs) / FORGOTTEN_AFTER_MS);
  }

  /** What an expected wait is to be multiplied with: at its limit a server counts as twice as far away. */
  factor(nowMs: number): number {
    return (1 + this.at(nowMs)) * (this.rests(nowMs) ? RESTING : 1);
  }
}
