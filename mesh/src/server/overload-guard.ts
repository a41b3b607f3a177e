import { method as methodOption, Priority } from "@antiphon/proto/antiphon/options/v1/options";
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import type { Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import {
  ConcurrencyLimit,
  type Ending,
  type LimitOptions,
  type PriorityName,
} from "../resilience/concurrency-limit.ts";
import { LOAD_HEADER } from "../resilience/load-headers.ts";
import { UnloadedTime } from "../resilience/unloaded-time.ts";
import type { Logger } from "../telemetry/logger.ts";
import { overloadMetrics, type ShedCells } from "../telemetry/overload-metrics.ts";
import { loopMeter } from "./loop-meter.ts";
import { refusals } from "./refusal.ts";
import type { ServerCall } from "./server-call.ts";

export interface OverloadOptions extends LimitOptions {
  /** False refuses nothing; callers are told the load all the same. Default true. */
  readonly shed?: boolean | undefined;
}

/** What `/debug/mesh` shows of a server. */
export interface OverloadSnapshot {
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

export interface OverloadParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Registry;
}

/** A line a refused call would cost more than refusing it. */
const LOG_EVERY_MS = 1_000;

/** Protects a server from more work than it can do, and tells callers how busy it is. */
export class OverloadGuard {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #sheds: boolean;
  readonly #limit: ConcurrencyLimit;
  readonly #shed: ShedCells;
  readonly #loads: Metadata[] = [];
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor({ log, metrics, clock }: OverloadParts, { shed = true, ...limits }: OverloadOptions = {}) {
    this.#log = log;
    this.#sheds = shed;
    this.#clock = clock;
    this.#limit = new ConcurrencyLimit(loopMeter(clock), limits);
    this.#shed = overloadMetrics(metrics, this.#limit, clock);
  }

  /**
   * The guard of one method. Health and reflection pass always and at once: they are needed most when there is
   * too much to do. A stream is refused as a call would be, but not counted: it may live for hours and do nothing.
   */
  of(method: DescMethod): MethodGuard {
    const priority = priorityOf(method);
    const refusal = refusals(method);
    const waits = !method.parent.typeName.startsWith("grpc.");
    const sheds = this.#sheds && waits;
    const isCounted = method.methodKind === "unary";
    const unloaded = new UnloadedTime();
    return {
      admit: (call) => {
        const nowMs = call.startedAtMs;
        const reason = this.#limit.refusal(priority, unloaded.ms, remainingMsOf(call));
        if (sheds && reason) {
          this.#shed[priority][reason].value++;
          this.#noteRefusal(nowMs);
          return refusal(reason, this.loadTrailers().clone());
        }
        if (isCounted) call.enteredAtMs = this.#limit.enter(nowMs);
        return undefined;
      },
      start: (call, begin) => {
        const beginNow = () => {
          call.begunAtMs = this.#clock.monotonic();
          begin();
        };
        if (waits) this.#limit.start(call.startedAtMs, beginNow);
        else beginNow();
      },
      settled: ({ enteredAtMs, begunAtMs, startedAtMs }, code, tookMs) => {
        if (enteredAtMs === undefined) return;
        this.#limit.leave({ enteredAtMs, begunAtMs, ending: endingOf(code), unloaded }, startedAtMs + tookMs);
      },
    };
  }

  /** The trailers of an answer that has none of its own. Shared: not to be changed. */
  loadTrailers(): Metadata {
    const percent = Math.round(this.#limit.load * 100);
    let trailers = this.#loads[percent];
    if (!trailers) {
      trailers = new Metadata();
      trailers.set(LOAD_HEADER, String(percent / 100));
      this.#loads[percent] = trailers;
    }
    return trailers;
  }

  snapshot(): OverloadSnapshot {
    this.#limit.look(this.#clock.monotonic());
    const { limit, inFlight, queued, utilisation, slowness } = this.#limit;
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

/** Lets calls of one method in, or not, and hears how those that it let in ended. */
export interface MethodGuard {
  /** The status of a call that must not begin; undefined where it may. */
  admit(call: ServerCall): StatusObject | undefined;
  /** Runs `begin`, which must not throw, of a call that was let in: now, or when its turn has come. */
  start(call: ServerCall, begin: () => void): void;
  settled(call: ServerCall, code: Code | 0, tookMs: number): void;
}

function remainingMsOf({ deadlineAtMs, startedAtMs }: ServerCall): number | undefined {
  return deadlineAtMs === undefined ? undefined : deadlineAtMs - startedAtMs;
}

function endingOf(code: Code | 0): Ending {
  if (code === 0) return "answered";
  return code === Code.DeadlineExceeded || code === Code.Canceled ? "given_up" : "failed";
}

/** What the contract says; normal where it says nothing. */
function priorityOf(method: DescMethod): PriorityName {
  const priority = hasOption(method, methodOption)
    ? getOption(method, methodOption).priority
    : Priority.UNSPECIFIED;
  if (priority === Priority.CRITICAL) return "critical";
  return priority === Priority.SHEDDABLE ? "sheddable" : "normal";
}
