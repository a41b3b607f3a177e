import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Verdict } from "./verdict.ts";

export type BreakerState = "closed" | "open" | "half_open";

export interface BreakerOptions {
  /** No opening on a rate of failures with fewer attempts than this in ten seconds. Default 10. */
  readonly volumeThreshold?: number;
  /** Opens above this share of failures. Default 50. */
  readonly errorThresholdPercentage?: number;
  /** Opens after this many failures in a row. Default 5. */
  readonly consecutiveFailures?: number;
  /** How long it stays open before one probe is let through, ±20 % by jitter. Default 5,000. */
  readonly resetTimeoutMs?: number;
}

const noop = () => {};
const settledOk = Promise.resolve();

/**
 * An opossum circuit breaker for one endpoint, asked by the picker.
 *
 * While closed it only hears outcomes when they are known: an attempt that started before it opened
 * cannot close it again. While half open, one attempt is the probe, started in opossum at pick time and
 * settled by its outcome.
 */
export class Breaker {
  readonly #circuit: CircuitBreaker<[Promise<void>], void>;
  readonly #consecutiveFailures: number;
  #failuresInARow = 0;
  #probe: PromiseWithResolvers<void> | undefined;

  constructor(options: BreakerOptions = {}, random: () => number = Math.random) {
    this.#consecutiveFailures = options.consecutiveFailures ?? 5;
    this.#circuit = new CircuitBreaker((outcome: Promise<void>) => outcome, {
      timeout: false,
      volumeThreshold: options.volumeThreshold ?? 10,
      errorThresholdPercentage: options.errorThresholdPercentage ?? 50,
      resetTimeout: (options.resetTimeoutMs ?? 5_000) * (0.8 + 0.4 * random()),
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation.join(),
    });
  }

  /** Whether an attempt may go to the endpoint now. */
  get admits(): boolean {
    return this.#circuit.closed || this.awaitsProbe;
  }

  /** Whether the next attempt decides if it closes. */
  get awaitsProbe(): boolean {
    return this.#circuit.halfOpen && this.#circuit.pendingClose;
  }

  get state(): BreakerState {
    if (this.#circuit.closed) return "closed";
    return this.#circuit.halfOpen ? "half_open" : "open";
  }

  /** At pick time. True where this attempt is the probe; hand that back to `end`. */
  begin(): boolean {
    if (!this.awaitsProbe) return false;
    const probe = Promise.withResolvers<void>();
    // A breaker that opened meanwhile never looks at it: unhandled, its rejection would end the process.
    probe.promise.catch(noop);
    this.#probe = probe;
    this.#circuit.fire(probe.promise).catch(noop);
    return true;
  }

  /** Once for each `begin`, with how the attempt ended. */
  end(verdict: Verdict, isProbe: boolean): void {
    if (isProbe) {
      // A cancelled probe proved nothing: it stays out for another period.
      if (verdict === "success") this.#probe?.resolve();
      else this.#probe?.reject(new Error("the probe failed"));
      this.#probe = undefined;
      this.#failuresInARow = 0;
    } else if (this.#circuit.closed) {
      this.#count(verdict);
    }
  }

  /** Opens it at once. */
  trip(): void {
    this.#failuresInARow = 0;
    this.#circuit.open();
  }

  close(): void {
    if (this.#circuit.isShutdown) return;
    this.#circuit.shutdown();
    rotation.leave();
  }

  #count(verdict: Verdict): void {
    if (verdict === "success") {
      this.#failuresInARow = 0;
      this.#circuit.fire(settledOk).catch(noop);
    } else if (verdict === "failure") {
      const failed = Promise.reject(new Error("the attempt failed"));
      failed.catch(noop);
      this.#circuit.fire(failed).catch(noop);
      if (++this.#failuresInARow >= this.#consecutiveFailures) this.trip();
    }
  }
}

/** One timer turns the statistics of all breakers: a thousand timers cost 52 ms of CPU a second. */
const rotation = {
  controller: new EventEmitter().setMaxListeners(0),
  members: 0,
  timer: undefined as NodeJS.Timeout | undefined,
  join(): EventEmitter {
    this.members++;
    this.timer ??= setInterval(() => this.controller.emit("rotate"), 1_000).unref();
    return this.controller;
  },
  leave(): void {
    if (--this.members > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  },
};
