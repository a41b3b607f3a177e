import { type LoopTurns, RunQueue } from "./run-queue.ts";
import type { UnloadedTime } from "./unloaded-time.ts";

/**
 * How much of the limit calls of a priority may fill, with those that matter more: what is left is for those.
 * Those that matter less do not count: however many of them are in flight, they keep nobody out.
 */
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
/**
 * However strained, so many calls may wait for the processor, or so much work where calls are cheap: where it
 * is certain that calls keep it busy, because they stand in line to begin, and where it may be something else.
 */
const WAITING = { standing: { calls: 5, workMs: 5 }, busy: { calls: 10, workMs: 50 } } as const;
/**
 * So long after it was first looked at, by a call or by who reads its metrics, a process may have more waiting: it
 * runs code that is not compiled yet, which passes by itself.
 */
const COLD = { ms: 5_000, calls: 10, workMs: 500 } as const;
/** A queue that was not empty for so long is no burst. */
const STANDING_MS = 500;
/** Nobody is let in who would wait for longer. */
const LONGEST_WAIT_MS = 1_000;

export interface LimitOptions {
  /** The limit while the event loop has time to spare is never lower. Default 256. */
  readonly minLimit?: number | undefined;
  /** Calls in flight at most. Default 2,000. */
  readonly maxLimit?: number | undefined;
  /** The event loop is strained above this utilisation. Default 0.95. */
  readonly strainedAt?: number | undefined;
}

/** Watches the event loop of this thread. */
export interface LoopMeter extends LoopTurns {
  /** Share of the time since it was asked last in which the event loop was busy, 0 to 1. */
  utilisation(): number;
  /** CPU time of the thread so far. */
  cpuMs(): number;
}

/** How a call ended. Of one that was given up it is only known that it would have taken longer. */
export type Ending = "answered" | "failed" | "given_up";

/** A call that has ended. */
export interface Ended {
  readonly priority: PriorityName;
  /** What `enter` returned. */
  readonly enteredAtMs: number;
  /** When its handler began; undefined where it never did. */
  readonly begunAtMs: number | undefined;
  readonly ending: Ending;
  readonly unloaded: UnloadedTime;
}

/**
 * Adapts how many calls a process works on at a time to what it can do, and refuses the rest at once,
 * what matters least first.
 *
 * A call counts from the beginning of the turn of the event loop in which it was read until the end of
 * the turn in which it was answered: only then does its answer leave the process. Those that the processor
 * has no time for yet wait in a `RunQueue`.
 *
 * The process is strained while that queue has not been empty for 500 ms (CoDel's idea: a burst empties it, an
 * overload does not), while no call was quick for so long in a busy loop, or while the loop was busy for nearly
 * all of the last second. Every 100 ms it compares what calls took with what they take unloaded. While it is
 * strained, a ratio above 1.5 lowers the limit in proportion, down to what keeps the processor busy by Little's law
 * (what a call takes unloaded ÷ what it costs in CPU time) and a few more that wait: many more while its code is
 * being compiled. While it has time to spare, calls in flight wait for somebody else, which costs memory alone:
 * then the limit goes down only from `minLimit` on. Without either it doubles until it is out of the way. No I/O, no timer; O(1).
 *
 * Sources: Netflix's concurrency-limits (Gradient2, Vegas); Nichols and Jacobson 2012, "Controlling Queue Delay".
 */
export class ConcurrencyLimit {
  readonly #minLimit: number;
  readonly #maxLimit: number;
  readonly #strainedAt: number;
  readonly #loop: LoopMeter;
  readonly #queue: RunQueue;
  readonly #endTurn = (nowMs: number) => this.#onTurnEnd(nowMs);
  #limit: number;
  #inFlight = 0;
  readonly #inFlightOf: Record<PriorityName, number> = { critical: 0, normal: 0, sheddable: 0 };
  #utilisation = 0;
  #utilisationNow = 0;
  #slowness = 1;
  #isBusy = false;
  #isStanding = false;
  #turnAtMs: number | undefined;
  #endedInTurn: Ended[] = [];
  readonly #observed = new Set<UnloadedTime>();
  #firstAtMs: number | undefined;
  #windowAtMs: number | undefined;
  #cpuMsAtWindow = 0;
  #peak = 0;
  #refused = 0;
  #leastSlowness = Number.POSITIVE_INFINITY;
  #allSlowMs = 0;
  #ended = 0;
  #tookMs = 0;
  #unloadedMs = 0;
  #recentCpuMs = 0;
  #recentUnloadedMs = 0;
  #recentlyEnded = 0;

  constructor(loop: LoopMeter, options: LimitOptions = {}) {
    this.#loop = loop;
    this.#queue = new RunQueue(loop);
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
    return this.#isBusy || this.#isStanding;
  }
  /** How many calls were let in and wait for a turn of the event loop. */
  get queued(): number {
    return this.#queue.depth;
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
    unloadedMs: number,
    remainingMs = Number.POSITIVE_INFINITY,
  ): RefusalReason | undefined {
    const share = SHARE[priority];
    const waitMs = this.#queue.depth * this.#cpuMsPerCall();
    if (waitMs > LONGEST_WAIT_MS * share) return "event_loop";
    const ahead = this.#inFlightFrom(priority);
    if (ahead > 0 && ahead + 1 > this.#limit * share) {
      this.#refused++;
      return "concurrency";
    }
    if (waitMs > 0 && remainingMs < waitMs + unloadedMs) return "deadline";
    if (this.strained && remainingMs < unloadedMs * this.#slowness) return "deadline";
    return undefined;
  }

  /** Counts a call in. Returns since when it counts: to be handed back to `leave`. */
  enter(priority: PriorityName, nowMs: number): number {
    this.#countIn(priority);
    return this.#turn(nowMs);
  }

  /** The same for who is told when an answer has left, and needs no turn for it: without an immediate. */
  enterNow(priority: PriorityName, nowMs: number): void {
    this.look(nowMs);
    this.#countIn(priority);
  }

  /** Runs `begin`, which must not throw, now or when the event loop has a turn for it. */
  start(nowMs: number, begin: () => void): void {
    this.#queue.start(nowMs, begin);
  }

  /** Counts a call out, at the end of this turn. */
  leave(ended: Ended, nowMs: number): void {
    this.#turn(nowMs);
    this.#endedInTurn.push(ended);
  }

  /** Counts a call out whose answer has left. */
  leaveNow(ended: Ended, nowMs: number): void {
    this.#countOut(ended, nowMs);
    this.look(nowMs);
  }

  /** Takes stock where 100 ms have passed; done at the end of turns, and for whoever wants to look. */
  look(nowMs: number): void {
    this.#firstAtMs ??= nowMs;
    this.#windowAtMs ??= nowMs;
    const elapsedMs = nowMs - this.#windowAtMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#judgeStrain(nowMs, elapsedMs);
    for (const unloaded of this.#observed) unloaded.settle(this.#hasTimeToSpare);
    this.#observed.clear();
    const cpuMs = this.#loop.cpuMs();
    // A call may end in a later window than it was worked on: both are remembered for longer.
    const memory = Math.exp(-elapsedMs / MEMORY_MS);
    this.#recentCpuMs = this.#recentCpuMs * memory + cpuMs - this.#cpuMsAtWindow;
    this.#recentUnloadedMs = this.#recentUnloadedMs * memory + this.#unloadedMs;
    this.#recentlyEnded = this.#recentlyEnded * memory + this.#ended;
    if (this.#ended > 0) this.#slowness = this.#unloadedMs > 0 ? this.#tookMs / this.#unloadedMs : 1;
    // It fades, or else nobody might be let in who could show that it is over.
    else if (this.#inFlight === 0) this.#slowness = Math.max(1, this.#slowness / 2);
    this.#adapt(elapsedMs, nowMs - this.#firstAtMs < COLD.ms);
    this.#windowAtMs = nowMs;
    this.#cpuMsAtWindow = cpuMs;
    this.#peak = this.#inFlight;
    this.#refused = 0;
    this.#leastSlowness = Number.POSITIVE_INFINITY;
    this.#ended = 0;
    this.#tookMs = 0;
    this.#unloadedMs = 0;
  }

  #judgeStrain(nowMs: number, elapsedMs: number): void {
    const utilisation = this.#loop.utilisation();
    this.#utilisationNow = utilisation;
    this.#utilisation += (utilisation - this.#utilisation) * (1 - Math.exp(-elapsedMs / SMOOTHING_MS));
    const allAreSlow = this.#ended > 0 && this.#leastSlowness > TOLERANCE && utilisation >= this.#strainedAt;
    this.#allSlowMs = allAreSlow ? this.#allSlowMs + elapsedMs : 0;
    const isBusy = this.#utilisation >= this.#strainedAt || this.#allSlowMs >= STANDING_MS;
    // What it would be like with those that are refused is not known.
    const staysSo = this.#refused > 0 && !this.#hasTimeToSpare;
    this.#isBusy = isBusy || (this.#isBusy && staysSo);
    this.#isStanding = this.#queue.standingMs(nowMs) >= STANDING_MS;
  }

  /** In the last window too: the first calls of an overload must not pass for those of a quiet server. */
  get #hasTimeToSpare(): boolean {
    return Math.max(this.#utilisation, this.#utilisationNow) < this.#strainedAt * TO_SPARE;
  }

  /** Calls in flight that matter as much or more. */
  #inFlightFrom(priority: PriorityName): number {
    if (priority === "sheddable") return this.#inFlight;
    const { critical, normal } = this.#inFlightOf;
    return priority === "critical" ? critical : critical + normal;
  }

  /** When this turn began, as far as calls are concerned. */
  #turn(nowMs: number): number {
    if (this.#turnAtMs === undefined) {
      // What it was like before must not make an overload that begins now look like a quiet process.
      this.look(nowMs);
      this.#turnAtMs = nowMs;
      this.#loop.afterTurn(this.#endTurn);
    }
    return this.#turnAtMs;
  }

  #onTurnEnd(nowMs: number): void {
    this.#turnAtMs = undefined;
    for (const ended of this.#endedInTurn) this.#countOut(ended, nowMs);
    this.#endedInTurn = [];
    this.look(nowMs);
  }

  #countIn(priority: PriorityName): void {
    this.#inFlight++;
    this.#inFlightOf[priority]++;
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight;
  }

  #countOut(ended: Ended, nowMs: number): void {
    const { priority, enteredAtMs, begunAtMs = enteredAtMs, unloaded, ending } = ended;
    this.#inFlight--;
    this.#inFlightOf[priority]--;
    const tookMs = nowMs - enteredAtMs;
    if (ending === "answered") this.#note(unloaded, nowMs - begunAtMs);
    else if (ending === "failed" || tookMs < unloaded.ms) return;
    this.#leastSlowness = Math.min(this.#leastSlowness, tookMs / unloaded.ms);
    this.#tookMs += tookMs;
    this.#unloadedMs += unloaded.ms;
    this.#ended++;
  }

  #note(unloaded: UnloadedTime, tookMs: number): void {
    unloaded.observe(tookMs);
    this.#observed.add(unloaded);
  }

  #adapt(elapsedMs: number, isCold: boolean): void {
    const gradient = Math.min(1, Math.max(0.5, TOLERANCE / this.#slowness));
    const floor = this.strained ? this.#leastUnderStrain(isCold) : this.#minLimit;
    const isSlow = this.#ended > 0 && gradient < 1 && this.#peak > floor / 2;
    let limit = this.#limit;
    // Where the limit is far away, what is in flight is what has become too much.
    if (isSlow) limit = Math.min(limit, Math.max(this.#peak, floor)) * gradient + 1;
    else if (!this.strained) limit *= 2 ** (elapsedMs / WINDOW_MS);
    // A window in which no call ended says nothing.
    else if (this.#ended > 0) limit++;
    this.#limit = Math.min(this.#maxLimit, Math.max(floor, limit));
  }

  #leastUnderStrain(isCold: boolean): number {
    const cpuMs = this.#cpuMsPerCall();
    if (cpuMs === 0) return this.#minLimit;
    const atWork = this.#recentUnloadedMs / this.#recentlyEnded / cpuMs;
    const waiting = isCold ? COLD : this.#isStanding ? WAITING.standing : WAITING.busy;
    return atWork + Math.max(waiting.calls, waiting.workMs / cpuMs);
  }

  /**
   * What a call costs; 0 where nothing is known. No more than it takes unloaded, which counts while other work,
   * such as an import, keeps the loop busy: that is no reason to refuse calls that cost next to nothing.
   */
  #cpuMsPerCall(): number {
    if (this.#recentlyEnded === 0) return 0;
    return Math.min(this.#recentCpuMs, this.#recentUnloadedMs) / this.#recentlyEnded;
  }
}
