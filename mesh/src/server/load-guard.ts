import type { Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import {
  ConcurrencyLimit,
  type Ending,
  type LimitOptions,
  type PriorityName,
  type RefusalReason,
} from "../resilience/concurrency-limit.ts";
import { UnloadedTime } from "../resilience/unloaded-time.ts";
import type { Logger } from "../telemetry/logger.ts";
import { overloadMetrics, type ShedCells } from "../telemetry/overload-metrics.ts";
import { loopMeter } from "./loop-meter.ts";

export interface LoadGuardOptions extends LimitOptions {
  /** False refuses nothing; callers are told the load all the same. Default true. */
  readonly shed?: boolean | undefined;
}

export interface LoadGuardParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Registry;
}

/** What `/debug/mesh` shows of it. */
export interface LoadSnapshot {
  readonly sheds: boolean;
  readonly limit: number;
  readonly inFlight: number;
  /** Of those, how many wait to begin. */
  readonly queued: number;
  /** Of the event loop, 0 to 1. */
  readonly utilisation: number;
  /** How many times longer than unloaded calls take. */
  readonly slowness: number;
  /** Calls refused so far. */
  readonly shed: Readonly<Record<PriorityName, number>>;
}

/** Calls of one kind, whatever their protocol: which take about as long as each other. */
export interface KindGuard {
  /** Why a call must not begin now, which is counted; undefined where it may. */
  refusal(): RefusalReason | undefined;
  /** Counts a call in. */
  enter(): EnteredCall;
}

export interface EnteredCall {
  /** What it takes is measured from now on, and not from when it was counted in. */
  start(): void;
  /** Counts it out, once, when its answer has left. */
  leave(ending: Ending): void;
}

/** A line a refused call would cost more than refusing it. */
const LOG_EVERY_MS = 1_000;

/** Protects a process from more calls than it can work on: one guard a process, since they share its thread. */
export class LoadGuard {
  /** How many calls may be in flight, and which are. */
  readonly limit: ConcurrencyLimit;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #sheds: boolean;
  readonly #shed: ShedCells;
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor({ log, metrics, clock }: LoadGuardParts, { shed = true, ...limits }: LoadGuardOptions = {}) {
    this.#log = log;
    this.#sheds = shed;
    this.#clock = clock;
    this.limit = new ConcurrencyLimit(loopMeter(clock), limits);
    this.#shed = overloadMetrics(metrics, this.limit, clock);
  }

  /**
   * Why a call must not begin, which is counted and logged; undefined where it may.
   * @param unloaded what such calls take unloaded
   * @param remainingMs until its deadline
   */
  refusal(
    priority: PriorityName,
    unloaded: UnloadedTime,
    nowMs: number,
    remainingMs?: number,
  ): RefusalReason | undefined {
    const reason = this.limit.refusal(priority, unloaded.ms, remainingMs);
    if (reason === undefined || !this.#sheds) return undefined;
    this.#shed[priority][reason].value++;
    this.#noteRefusal(nowMs);
    return reason;
  }

  /** For a process whose calls are not those of a gRPC server. */
  ofKind(priority: PriorityName): KindGuard {
    const unloaded = new UnloadedTime();
    return {
      refusal: () => this.refusal(priority, unloaded, this.#clock.monotonic()),
      enter: () => new CallOfKind(this.limit, this.#clock, priority, unloaded),
    };
  }

  snapshot(): LoadSnapshot {
    this.limit.look(this.#clock.monotonic());
    const { limit, inFlight, queued, utilisation, slowness } = this.limit;
    const of = (cells: ShedCells[PriorityName]) =>
      cells.concurrency.value + cells.event_loop.value + cells.deadline.value;
    const { critical, normal, sheddable } = this.#shed;
    return {
      sheds: this.#sheds,
      limit: Math.floor(limit),
      inFlight,
      queued,
      utilisation,
      slowness,
      shed: { critical: of(critical), normal: of(normal), sheddable: of(sheddable) },
    };
  }

  #noteRefusal(nowMs: number): void {
    this.#unlogged++;
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) return;
    this.#log.warn({ calls: this.#unlogged, ...this.snapshot() }, "overloaded: calls are refused");
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
  }
}

class CallOfKind implements EnteredCall {
  readonly #limit: ConcurrencyLimit;
  readonly #clock: Clock;
  readonly #priority: PriorityName;
  readonly #unloaded: UnloadedTime;
  #startedAtMs: number;

  constructor(limit: ConcurrencyLimit, clock: Clock, priority: PriorityName, unloaded: UnloadedTime) {
    this.#limit = limit;
    this.#clock = clock;
    this.#priority = priority;
    this.#unloaded = unloaded;
    this.#startedAtMs = clock.monotonic();
    limit.enterNow(priority, this.#startedAtMs);
  }

  start(): void {
    this.#startedAtMs = this.#clock.monotonic();
  }

  leave(ending: Ending): void {
    const startedAtMs = this.#startedAtMs;
    const ended = { enteredAtMs: startedAtMs, begunAtMs: startedAtMs, ending };
    this.#limit.leaveNow(
      { ...ended, priority: this.#priority, unloaded: this.#unloaded },
      this.#clock.monotonic(),
    );
  }
}
