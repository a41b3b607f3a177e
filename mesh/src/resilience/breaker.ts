import type { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";

export interface BreakerOptions {
  /** Opens at this share of failures, 0 to 1. */
  readonly failureRatio: number;
  /** Never with fewer attempts than this in ten seconds. */
  readonly minAttempts: number;
}

const noop = () => {};
const settledOk = Promise.resolve();
/** Until when an endpoint is left out is its state's affair, not opossum's. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * An opossum circuit for one endpoint that has failed: it counts outcomes over ten seconds and says when
 * too large a share of them are failures. Made at the first failure and closed once it has opened, or has
 * heard of none for long: a thousand endpoints that are well cost nothing.
 */
export class Breaker {
  readonly #circuit: CircuitBreaker<[Promise<void>], void>;

  /** `rotation` emits `rotate` each second. `onOpen` is called at most once, in a microtask after a failure. */
  constructor(options: BreakerOptions, rotation: EventEmitter, onOpen: () => void) {
    this.#circuit = new CircuitBreaker((outcome: Promise<void>) => outcome, {
      timeout: false,
      volumeThreshold: options.minAttempts,
      errorThresholdPercentage: options.failureRatio * 100,
      resetTimeout: NEVER_MS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation,
    });
    this.#circuit.once("open", onOpen);
  }

  succeeded(): void {
    if (this.#circuit.closed) this.#circuit.fire(settledOk).catch(noop);
  }

  failed(): void {
    if (!this.#circuit.closed) return;
    const failure = Promise.reject(new Error("the attempt failed"));
    failure.catch(noop);
    this.#circuit.fire(failure).catch(noop);
  }

  close(): void {
    this.#circuit.close();
    this.#circuit.shutdown();
  }
}
