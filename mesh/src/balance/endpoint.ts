import type { EndpointInfo } from "../discovery/discovery.ts";
import { Breaker, type BreakerOptions } from "../resilience/breaker.ts";
import type { Verdict } from "../resilience/verdict.ts";
import { PeakEwma } from "./peak-ewma.ts";
import { PeerLoad } from "./peer-load.ts";

/** `ready` has a connection; `ejected` has one too, but its breaker keeps attempts away. */
export type EndpointState = "connecting" | "ready" | "ejected" | "backoff";

/** Where the binding stands with its connection to an endpoint. */
export type LinkState = "connecting" | "ready" | "backoff";

/**
 * What is known of one endpoint: its connection, its breaker, its load. The one state machine that both
 * data planes, ours and grpc-js, ask and report to.
 */
export class Endpoint {
  info: EndpointInfo;
  link: LinkState = "connecting";
  readonly breaker: Breaker;
  /** What the server itself says of its load. */
  readonly load = new PeerLoad();
  /** Attempts picked and not ended. */
  inFlight = 0;
  picks = 0;
  lastPickedAtMs = Number.NEGATIVE_INFINITY;
  lastVerdict: Verdict = "neutral";
  #latency = new PeakEwma();

  constructor(info: EndpointInfo, breaker: BreakerOptions | undefined, random: () => number) {
    this.info = info;
    this.breaker = new Breaker(breaker, random);
  }

  get state(): EndpointState {
    if (this.link !== "ready") return this.link;
    return this.breaker.admits ? "ready" : "ejected";
  }

  /** Expected wait of one more attempt, relative to other endpoints; lower is better. */
  score(nowMs: number): number {
    // One probe at a time until it is known: neither starved beside warm peers nor flooded while cold.
    if (!this.#latency.warm && this.inFlight === 0 && !this.load.rests(nowMs)) return 0;
    const waitMs = this.#latency.at(nowMs) * (this.inFlight + 1);
    return (waitMs * this.load.factor(nowMs)) / this.info.weight;
  }

  latencyMs(nowMs: number): number {
    return this.#latency.at(nowMs);
  }

  /** Counts an attempt in. True where it is the breaker's probe; hand that back to `end`. */
  begin(nowMs: number): boolean {
    this.inFlight++;
    this.picks++;
    this.lastPickedAtMs = nowMs;
    return this.breaker.begin();
  }

  /** Counts an attempt out. `elapsedMs`: how long its answer took; of a stream, the answer's beginning. */
  end(verdict: Verdict, elapsedMs: number, nowMs: number, isProbe: boolean): void {
    this.inFlight--;
    // What was measured while it was broken says nothing about it mended.
    if (isProbe && verdict === "success") this.#latency = new PeakEwma();
    if (verdict === "success") this.#latency.observe(elapsedMs, nowMs);
    else if (verdict === "failure") this.#latency.observeFailure(elapsedMs, nowMs);
    this.lastVerdict = verdict;
    this.breaker.end(verdict, isProbe);
  }
}
