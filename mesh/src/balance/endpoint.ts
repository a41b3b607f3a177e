import type { EventEmitter } from "node:events";
import type { EndpointInfo } from "../discovery/discovery.ts";
import { Breaker } from "../resilience/breaker.ts";
import type { Verdict } from "../resilience/verdict.ts";
import type { CallerLag } from "./caller-lag.ts";
import { type EjectionCause, EndpointStateMachine, type Transition } from "./endpoint-state.ts";
import { PeakEwma } from "./peak-ewma.ts";
import { PeerLoad } from "./peer-load.ts";
import type { BalanceSettings } from "./settings.ts";

/** Where the binding stands with its connection to an endpoint. */
export type LinkState = "connecting" | "ready" | "backoff";

/** An attempt that was counted in; hand it back to `Endpoint.end`. */
export interface Ticket {
  /** Whether it decides if the endpoint, back from an ejection, stays. */
  readonly isProbe: boolean;
  /** What `CallerLag` said when it began. */
  readonly stalledMs: number;
  readonly isUnary: boolean;
}

/** What an endpoint needs of the fleet that it belongs to. */
export interface Fleet {
  readonly settings: BalanceSettings;
  /** Attempts under way at all endpoints. */
  inFlight: number;
  readonly lag: CallerLag;
  readonly random: () => number;
  /** Emits `rotate` each second in which there is something to do. */
  readonly rotation: EventEmitter;
  /** Whether one more may be left out. */
  mayEject(): boolean;
  onTransition(endpoint: Endpoint, transition: Transition): void;
  /** Whether it admits attempts has changed, without a transition. */
  onProbe(): void;
}

/** A failure during which the caller was away for so long, and so large a part of it, is not the server's. */
const EXCUSED_MS = 50;
const EXCUSED_SHARE = 0.1;
/** A breaker whose window has forgotten every failure is of no use. */
const BREAKER_IDLE_MS = 10_000;

/** What is known of one endpoint: its state, its load, what came of its attempts. Both data planes report to it. */
export class Endpoint {
  info: EndpointInfo;
  link: LinkState = "connecting";
  readonly machine: EndpointStateMachine;
  /** What the server itself says of its load. */
  readonly load = new PeerLoad();
  /** Attempts picked and not ended. */
  inFlight = 0;
  picks = 0;
  lastPickedAtMs = Number.NEGATIVE_INFINITY;
  lastVerdict: Verdict = "neutral";
  /** Since the fleet last compared success rates. */
  succeeded = 0;
  failed = 0;
  readonly #fleet: Fleet;
  #latency = new PeakEwma();
  #failuresInARow = 0;
  #probing = false;
  #breaker: Breaker | undefined;
  #lastFailedAtMs = Number.NEGATIVE_INFINITY;
  /** Unary attempts without an answer, and the last moment at which there was none, or one came. */
  #waiting = 0;
  #silentSinceMs = 0;

  constructor(info: EndpointInfo, fleet: Fleet, nowMs: number) {
    this.info = info;
    this.#fleet = fleet;
    this.machine = new EndpointStateMachine(
      {
        settings: () => fleet.settings,
        random: fleet.random,
        onTransition: (transition) => fleet.onTransition(this, { endpoint: this.info.id, ...transition }),
      },
      nowMs,
    );
    this.machine.warned(info.health === "warning", nowMs);
  }

  /** Whether an attempt may go to it now. */
  get admits(): boolean {
    return this.machine.admits && !this.#probing;
  }

  /** Whether the next attempt decides if it stays. */
  get awaitsProbe(): boolean {
    return this.machine.onProbation && !this.#probing;
  }

  /** Why no attempt goes to it; undefined where one may. */
  get whyNot(): string | undefined {
    if (!this.machine.admits) return `${this.machine.state}: ${this.machine.reason}`;
    return this.#probing ? "on probation: its probe is under way" : undefined;
  }

  /** Its share of traffic relative to others, never 0. */
  weight(nowMs: number): number {
    return Math.max(1e-6, this.info.weight * this.machine.share(nowMs));
  }

  /**
   * Expected wait of one more attempt, relative to other endpoints; lower is better. `charge`: as how many attempts
   * it counts itself.
   */
  score(nowMs: number, weight = this.weight(nowMs), charge = 1): number {
    // One probe at a time until it is known: neither starved beside warm peers nor flooded while cold.
    if (!this.#latency.warm && this.inFlight === 0 && !this.load.rests(nowMs)) return 0;
    const waitMs = this.#expectedMs(nowMs) * (this.inFlight + charge);
    return (waitMs * this.load.factor(nowMs)) / weight;
  }

  latencyMs(nowMs: number): number {
    return this.#latency.at(nowMs);
  }

  /** Counts an attempt in, at pick time. Of a unary one an answer is expected, of a stream perhaps never. */
  begin(nowMs: number, isUnary = false): Ticket {
    if (isUnary && this.#waiting++ === 0) this.#silentSinceMs = nowMs;
    this.inFlight++;
    this.#fleet.inFlight++;
    this.picks++;
    this.lastPickedAtMs = nowMs;
    const isProbe = this.awaitsProbe;
    if (isProbe) {
      this.#probing = true;
      this.#fleet.onProbe();
    }
    return { isProbe, stalledMs: this.#fleet.lag.stalledMs(nowMs), isUnary };
  }

  /**
   * Counts an attempt out. `elapsedMs`: how long its answer took; of a stream, the answer's beginning. For as
   * long as the caller itself could not listen, the endpoint is not held to account.
   */
  end(verdict: Verdict, elapsedMs: number, nowMs: number, { isProbe, stalledMs, isUnary }: Ticket): void {
    this.inFlight--;
    this.#fleet.inFlight--;
    const lagMs = this.#fleet.lag.stalledMs(nowMs) - stalledMs;
    const isExcused = verdict === "failure" && lagMs > Math.max(EXCUSED_MS, EXCUSED_SHARE * elapsedMs);
    const judged = isExcused ? "neutral" : verdict;
    const tookMs = elapsedMs - lagMs;
    if (isProbe) this.#endProbe(judged, nowMs);
    const isMeasured = judged === "success" || judged === "slow";
    if (isUnary) {
      this.#waiting--;
      if (judged === "success") this.#silentSinceMs = nowMs;
    }
    if (isMeasured && (tookMs > 0 || lagMs === 0)) this.#latency.observe(tookMs, nowMs);
    else if (judged === "failure") this.#latency.observeFailure(tookMs, nowMs);
    this.lastVerdict = judged;
    if (!isProbe && this.machine.admits) this.#count(judged, nowMs);
  }

  /** Leaves it out, unless too many are already. */
  eject(cause: EjectionCause, reason: string, nowMs: number): void {
    if (!this.machine.admits || !this.#fleet.mayEject()) return;
    this.#forget();
    this.machine.eject(cause, reason, nowMs);
  }

  /** Discovery no longer knows it. */
  leave(nowMs: number): void {
    this.#forget();
    this.machine.leave(nowMs);
  }

  /** Who has not answered for longer than usual takes at least as long as that: a frozen process answers nobody. */
  #expectedMs(nowMs: number): number {
    const latencyMs = this.#latency.at(nowMs);
    return this.#waiting > 0 ? Math.max(latencyMs, nowMs - this.#silentSinceMs) : latencyMs;
  }

  #endProbe(verdict: Verdict, nowMs: number): void {
    this.#probing = false;
    if (!this.machine.onProbation) return;
    if (verdict === "success") {
      // What was measured while it was broken says nothing about it mended.
      this.#latency = new PeakEwma();
      this.machine.proven(nowMs);
    } else if (verdict === "failure") {
      this.eject("probe_failed", "it failed again", nowMs);
    }
    this.#fleet.onProbe();
  }

  #count(verdict: Verdict, nowMs: number): void {
    if (verdict === "success") {
      this.succeeded++;
      this.#failuresInARow = 0;
      if (this.#breaker) this.#breakerHears(this.#breaker, nowMs);
    } else if (verdict === "failure") {
      this.failed++;
      this.#lastFailedAtMs = nowMs;
      const { consecutiveFailures } = this.#fleet.settings.ejection;
      if (++this.#failuresInARow >= consecutiveFailures) {
        this.eject("consecutive_failures", `${this.#failuresInARow} failures in a row`, nowMs);
      } else {
        this.#breaker ??= this.#newBreaker();
        this.#breaker.failed();
      }
    }
  }

  #breakerHears(breaker: Breaker, nowMs: number): void {
    if (nowMs - this.#lastFailedAtMs > BREAKER_IDLE_MS) this.#closeBreaker();
    else breaker.succeeded();
  }

  #newBreaker(): Breaker {
    const { failureRatio, minAttempts } = this.#fleet.settings.ejection;
    const reason = `more than ${Math.round(failureRatio * 100)} % of its attempts failed within ten seconds`;
    return new Breaker({ failureRatio, minAttempts }, this.#fleet.rotation, () => {
      this.#closeBreaker();
      // It opens in the microtask after a failure.
      this.eject("failure_ratio", reason, this.#lastFailedAtMs);
    });
  }

  #forget(): void {
    this.#failuresInARow = 0;
    this.succeeded = 0;
    this.failed = 0;
    this.#closeBreaker();
  }

  #closeBreaker(): void {
    this.#breaker?.close();
    this.#breaker = undefined;
  }
}
