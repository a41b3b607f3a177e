import type { UnloadedTime } from "./unloaded-time.ts";

/** How much of the limit calls of a priority may fill: what is left is for those that matter more. */
const SHARE = { critical: 1, normal: 0.9, sheddable: 0.7 } as const;

export type PriorityName = keyof typeof SHARE;

/** Why a call is refused: too many are in flight, too many came at once, or its time will not be enough. */
export type RefusalReason = "concurrency" | "event_loop" | "deadline";

/** How often the limit is looked at. */
const WINDOW_MS = 100;
/** Utilisation is averaged over about this, so that a burst, or a collection of garbage, is no strain. */
const SMOOTHING_MS = 500;
/** Below this share of what counts as strain the process has time to spare. */
const TO_SPARE = 0.75;
/** What a call costs is averaged over about this. */
const MEMORY_MS = 1_000;
/** Latency may be so many times that of the unloaded process before the limit goes down. */
const TOLERANCE = 1.5;
/** However strained, so much work may be in flight: nobody waits longer than that for others. */
const ALWAYS_ADMITTED_MS = 100;
/** However expensive calls are. */
const LEAST_LIMIT = 4;
/** CPU time of one turn of the event loop in which calls may begin: none of them is answered before its end. */
const LONGEST_TURN_MS = 200;

export interface LimitOptions {
  /** The limit while the event loop has time to spare is never lower. Default 256. */
  readonly minLimit?: number | undefined;
  /** Calls in flight at most. Default 2,000. */
  readonly maxLimit?: number | undefined;
  /** The event loop is strained above this utilisation. Default 0.95. */
  readonly strainedAt?: number | undefined;
}

/** Watches the event loop of this thread. */
export interface LoopMeter {
  /** Share of the time since it was asked last in which the event loop was busy, 0 to 1. */
  utilisation(): number;
  /** CPU time of the thread so far. */
  cpuMs(): number;
  /** Calls `end` once, with the time, when all that the current turn read from its sockets has been dealt with. */
  afterTurn(end: (nowMs: number) => void): void;
}

/** How a call ended. Of one that was given up it is only known that it would have taken longer. */
export type Ending = "answered" | "failed" | "given_up";

interface Ended {
  readonly enteredAtMs: number;
  readonly unloaded: UnloadedTime;
  readonly ending: Ending;
}

/**
 * Adapts how many calls a process works on at a time to what it can do, and refuses the rest at once,
 * what matters least first.
 *
 * A call counts from the beginning of the turn of the event loop in which it was read until the end of
 * the turn in which it was answered: only then does its answer leave the process. Without that, calls that
 * compute would seem to be worked on one by one and never to wait.
 *
 * Every 100 ms it compares what calls took with what they take unloaded. While the event loop is
 * strained, a ratio above 1.5 lowers the limit in proportion, down to 100 ms of work in flight. While the
 * loop has time to spare, calls in flight wait for somebody else, which costs memory alone: then the
 * limit goes down only from `minLimit` on. Without either it doubles until it is out of the way.
 *
 * All that happens over a second or so. A burst of expensive calls needs less time to block a process for
 * longer than that: so no call begins in a turn that has cost 200 ms already.
 *
 * There is no queue: what a server of one thread has not begun waits in its sockets anyway, and a second
 * line behind the limit would only add to the time that admitted calls take. No I/O, no timer; O(1).
 * Source: Netflix's concurrency-limits (Gradient2), with the event loop as a second signal.
 */
export class ConcurrencyLimit {
  readonly #minLimit: number;
  readonly #maxLimit: number;
  readonly #strainedAt: number;
  readonly #loop: LoopMeter;
  readonly #endTurn = (nowMs: number) => this.#onTurnEnd(nowMs);
  #limit: number;
  #inFlight = 0;
  #utilisation = 0;
  #slowness = 1;
  #turnAtMs: number | undefined;
  #cpuMsAtTurn = 0;
  #endedInTurn: Ended[] = [];
  #windowAtMs: number | undefined;
  #cpuMsAtWindow = 0;
  #peak = 0;
  #ended = 0;
  #tookMs = 0;
  #unloadedMs = 0;
  #recentCpuMs = 0;
  #recentUnloadedMs = 0;
  #recentlyEnded = 0;

  constructor(loop: LoopMeter, options: LimitOptions = {}) {
    this.#loop = loop;
    this.#maxLimit = options.maxLimit ?? 2_000;
    this.#minLimit = Math.min(options.minLimit ?? 256, this.#maxLimit);
    this.#strainedAt = options.strainedAt ?? 0.95;
    this.#limit = this.#maxLimit;
  }

  get limit(): number {
    return this.#limit;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  /** Of the event loop, 0 to 1, smoothed. */
  get utilisation(): number {
    return this.#utilisation;
  }
  /** How many times longer than unloaded calls take. */
  get slowness(): number {
    return this.#slowness;
  }
  get strained(): boolean {
    return this.#utilisation >= this.#strainedAt;
  }
  /** What callers are told: 0 idle, 1 at the limit or out of time. */
  get load(): number {
    return Math.min(1, Math.max(this.#utilisation, this.#inFlight / this.#limit));
  }

  /**
   * Why a call must not begin now; undefined where it may. Lets nothing in: that is `enter`.
   * @param unloadedMs what such a call takes unloaded
   * @param remainingMs until its deadline
   */
  refusal(
    priority: PriorityName,
    nowMs: number,
    unloadedMs: number,
    remainingMs = Number.POSITIVE_INFINITY,
  ): RefusalReason | undefined {
    const share = SHARE[priority];
    if (this.#turnMs(nowMs) > LONGEST_TURN_MS * share) return "event_loop";
    if (this.#inFlight > 0 && this.#inFlight + 1 > this.#limit * share) return "concurrency";
    if (this.strained && remainingMs < unloadedMs * this.#slowness) return "deadline";
    return undefined;
  }

  /** Counts a call in. Returns when it did: to be handed back to `leave`. */
  enter(nowMs: number): number {
    this.#inFlight++;
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight;
    return this.#turn(nowMs);
  }

  /** Counts a call out, at the end of this turn. */
  leave(enteredAtMs: number, nowMs: number, unloaded: UnloadedTime, ending: Ending): void {
    this.#turn(nowMs);
    this.#endedInTurn.push({ enteredAtMs, unloaded, ending });
  }

  /** Takes stock where 100 ms have passed; done at the end of turns, and for whoever wants to look. */
  look(nowMs: number): void {
    this.#windowAtMs ??= nowMs;
    const elapsedMs = nowMs - this.#windowAtMs;
    if (elapsedMs < WINDOW_MS) return;
    const utilisation = this.#loop.utilisation();
    this.#utilisation += (utilisation - this.#utilisation) * (1 - Math.exp(-elapsedMs / SMOOTHING_MS));
    const cpuMs = this.#loop.cpuMs();
    // A call may end in a later window than it was worked on: both are remembered for longer.
    const memory = Math.exp(-elapsedMs / MEMORY_MS);
    this.#recentCpuMs = this.#recentCpuMs * memory + cpuMs - this.#cpuMsAtWindow;
    this.#recentUnloadedMs = this.#recentUnloadedMs * memory + this.#unloadedMs;
    this.#recentlyEnded = this.#recentlyEnded * memory + this.#ended;
    if (this.#ended > 0) this.#slowness = this.#unloadedMs > 0 ? this.#tookMs / this.#unloadedMs : 1;
    // It fades, or else nobody might be let in who could show that it is over.
    else if (this.#inFlight === 0) this.#slowness = Math.max(1, this.#slowness / 2);
    this.#adapt(elapsedMs);
    this.#windowAtMs = nowMs;
    this.#cpuMsAtWindow = cpuMs;
    this.#peak = this.#inFlight;
    this.#ended = 0;
    this.#tookMs = 0;
    this.#unloadedMs = 0;
  }

  /** When this turn began, as far as calls are concerned. */
  #turn(nowMs: number): number {
    if (this.#turnAtMs === undefined) {
      this.#turnAtMs = nowMs;
      this.#cpuMsAtTurn = this.#loop.cpuMs();
      this.#loop.afterTurn(this.#endTurn);
    }
    return this.#turnAtMs;
  }

  /** CPU time of this turn; 0 while it is short, because to ask costs a system call. */
  #turnMs(nowMs: number): number {
    return nowMs - this.#turn(nowMs) < LONGEST_TURN_MS / 2 ? 0 : this.#loop.cpuMs() - this.#cpuMsAtTurn;
  }

  #onTurnEnd(nowMs: number): void {
    this.#turnAtMs = undefined;
    const hasTimeToSpare = this.#utilisation < this.#strainedAt * TO_SPARE;
    for (const { enteredAtMs, unloaded, ending } of this.#endedInTurn) {
      this.#inFlight--;
      const tookMs = nowMs - enteredAtMs;
      if (ending === "answered") unloaded.observe(tookMs, hasTimeToSpare);
      else if (ending === "failed" || tookMs < unloaded.ms) continue;
      this.#tookMs += tookMs;
      this.#unloadedMs += unloaded.ms;
      this.#ended++;
    }
    this.#endedInTurn = [];
    this.look(nowMs);
  }

  #adapt(elapsedMs: number): void {
    const gradient = Math.min(1, Math.max(0.5, TOLERANCE / this.#slowness));
    const floor = this.strained ? this.#leastUnderStrain() : this.#minLimit;
    const isSlow = this.#ended > 0 && gradient < 1 && this.#peak > floor / 2;
    let limit = this.#limit;
    // Where the limit is far away, what is in flight is what has become too much.
    if (isSlow) limit = Math.min(limit, Math.max(this.#peak, floor)) * gradient + 1;
    else if (!this.strained) limit *= 2 ** (elapsedMs / WINDOW_MS);
    // A window in which no call ended says nothing.
    else if (this.#ended > 0) limit++;
    this.#limit = Math.min(this.#maxLimit, Math.max(floor, limit));
  }

  /**
   * A call costs no more CPU time than it takes unloaded, which counts while other work, such as an import,
   * keeps the loop busy: that is no reason to refuse calls that cost next to nothing.
   */
  #leastUnderStrain(): number {
    const msPerCall = Math.min(this.#recentCpuMs, this.#recentUnloadedMs) / this.#recentlyEnded;
    return msPerCall > 0 ? Math.max(LEAST_LIMIT, ALWAYS_ADMITTED_MS / msPerCall) : this.#minLimit;
  }
}
