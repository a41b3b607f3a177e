import { method as methodOption, Priority } from "@antiphon/proto/antiphon/options/v1/options";
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import type { Clock } from "../clock.ts";
import type { Ending, PriorityName } from "../resilience/concurrency-limit.ts";
import { LOAD_HEADER } from "../resilience/load-headers.ts";
import { UnloadedTime } from "../resilience/unloaded-time.ts";
import { LoadGuard, type LoadGuardOptions, type LoadGuardParts, type LoadSnapshot } from "./load-guard.ts";
import { refusals } from "./refusal.ts";
import type { ServerCall } from "./server-call.ts";

/** Protects a gRPC server from more work than it can do, and tells callers how busy it is. */
export class OverloadGuard {
  readonly #clock: Clock;
  readonly #guard: LoadGuard;
  readonly #loads: Metadata[] = [];

  constructor(parts: LoadGuardParts, options: LoadGuardOptions = {}) {
    this.#clock = parts.clock;
    this.#guard = new LoadGuard(parts, options);
  }

  /**
   * The guard of one method. Health and reflection pass always and at once: they are needed most when there is
   * too much to do. A stream is refused as a call would be, but not counted: it may live for hours and do nothing.
   */
  of(method: DescMethod): MethodGuard {
    const guard = this.#guard;
    const priority = priorityOf(method);
    const refusal = refusals(method);
    const waits = !method.parent.typeName.startsWith("grpc.");
    const isCounted = method.methodKind === "unary";
    const unloaded = new UnloadedTime();
    return {
      admit: (call) => {
        const nowMs = call.startedAtMs;
        const reason = waits ? guard.refusal(priority, unloaded, nowMs, remainingMsOf(call)) : undefined;
        if (reason) return refusal(reason, this.loadTrailers().clone());
        if (isCounted) call.enteredAtMs = guard.limit.enter(priority, nowMs);
        return undefined;
      },
      start: (call, begin) => {
        const beginNow = () => {
          call.begunAtMs = this.#clock.monotonic();
          begin();
        };
        if (waits) guard.limit.start(call.startedAtMs, beginNow);
        else beginNow();
      },
      settled: ({ enteredAtMs, begunAtMs, startedAtMs }, code, tookMs) => {
        if (enteredAtMs === undefined) return;
        const ending = endingOf(code);
        guard.limit.leave({ priority, enteredAtMs, begunAtMs, ending, unloaded }, startedAtMs + tookMs);
      },
    };
  }

  /** The trailers of an answer that has none of its own. Shared: not to be changed. */
  loadTrailers(): Metadata {
    const percent = Math.round(this.#guard.limit.load * 100);
    let trailers = this.#loads[percent];
    if (!trailers) {
      trailers = new Metadata();
      trailers.set(LOAD_HEADER, String(percent / 100));
      this.#loads[percent] = trailers;
    }
    return trailers;
  }

  snapshot(): LoadSnapshot {
    return this.#guard.snapshot();
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
