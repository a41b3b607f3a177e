import { Code } from "@connectrpc/connect";
import { currentScope } from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import type { MethodRules } from "../policy/method-rules.ts";
import { LONGEST_TIMER_MS, type Wait, Waits } from "../waits.ts";
import { abort, type Call, type CallOutcome, type CallSignal, type Send, verdictOfMesh } from "./call.ts";
import type { MethodPlan } from "./method-plan.ts";

/**
 * A timer that is later than this was held up by its own process. The answer may have come in time and lie in
 * the socket, which the event loop looks at after the timers: it is given that one look.
 */
const LATE_MS = 20;

export interface DeadlineParts {
  readonly clock: Clock;
  readonly rules: MethodRules;
}

/**
 * Gives a call the earliest of: what its caller asked for (else its policy's timeout, else its contract's),
 * and what is left of the call in whose scope it is made. Ends it with `deadline_exceeded` when that passes, with
 * `canceled` when the caller, or the caller's caller, goes away.
 */
export function deadlineLayer(next: Send, plan: MethodPlan, { clock, rules }: DeadlineParts): Send {
  const usualMs = rules.timeoutMs ?? plan.timeoutMs;
  const usualWaits = new Waits<TimedCall>(usualMs ?? 0, (timed) => timed.onTime());
  return (call, done) => {
    const scope = currentScope();
    const nowMs = clock.monotonic();
    const ownMs = ownTimeout(call.timeoutMs, usualMs);
    const ownAtMs = ownMs === undefined ? Number.POSITIVE_INFINITY : nowMs + ownMs;
    const inheritedAtMs = scope?.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    const atMs = Math.min(ownAtMs, inheritedAtMs);
    const timed = new TimedCall(call, clock, atMs, ownAtMs <= inheritedAtMs ? ownMs : undefined);
    if (atMs <= nowMs) {
      done(verdictOfMesh(Code.DeadlineExceeded, timed.whyLate));
      return;
    }
    if (atMs !== Number.POSITIVE_INFINITY) {
      call.deadlineAtMs = atMs;
      if (ownMs === usualMs && atMs === ownAtMs) timed.waitAmong(usualWaits);
      else timed.wait(atMs - nowMs);
    }
    const unlinkOwn = call.signal && link(call, call.signal);
    const unlinkScope = scope?.signal && link(call, scope.signal);
    next(call, (outcome) => {
      timed.stopWaiting();
      unlinkOwn?.();
      unlinkScope?.();
      done(outcome);
    });
  };
}

/** A call with the time at which it has to end. */
class TimedCall {
  readonly #call: Call;
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #ownMs: number | undefined;
  #waits: Waits<TimedCall> | undefined;
  #wait: Wait<TimedCall> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** @param ownMs its own timeout; undefined where the time is that of the call it is part of */
  constructor(call: Call, clock: Clock, atMs: number, ownMs: number | undefined) {
    this.#call = call;
    this.#clock = clock;
    this.#atMs = atMs;
    this.#ownMs = ownMs;
  }

  get whyLate(): string {
    if (this.#ownMs === undefined) return "the time of the call it is part of is over";
    return `no answer within ${this.#ownMs} ms`;
  }

  /** For a call that lasts as long as all of them may, as nearly every call does. */
  waitAmong(waits: Waits<TimedCall>): void {
    this.#waits = waits;
    this.#wait = waits.begin(this);
  }

  wait(ms: number): void {
    this.#timer = setTimeout(() => this.onTime(), Math.min(ms, LONGEST_TIMER_MS));
  }

  stopWaiting(): void {
    this.#over = true;
    if (this.#wait) this.#waits?.callOff(this.#wait);
    clearTimeout(this.#timer);
  }

  onTime(): void {
    if (this.#clock.monotonic() - this.#atMs < LATE_MS) this.#expire();
    else setImmediate(() => this.#expire());
  }

  #expire(): void {
    if (!this.#over) abort(this.#call, expired(this.whyLate));
  }
}

/** As Connect has it: a caller's 0, or less, is no timeout, not even the contract's. */
function ownTimeout(ofCaller: number | undefined, usual: number | undefined): number | undefined {
  if (ofCaller === undefined) return usual;
  return ofCaller > 0 ? ofCaller : undefined;
}

/** Gives the call up when the signal aborts; returns how to stop that. */
function link(call: Call, signal: CallSignal): () => void {
  const onAbort = () => abort(call, givenUp(signal.reason));
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  return () => signal.removeEventListener("abort", onAbort);
}

function givenUp(reason: unknown): CallOutcome {
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  if (timedOut) return expired("the time that its caller gave it is over");
  return verdictOfMesh(Code.Canceled, "its caller gave up", { reached: true });
}

/** The endpoint was not fast enough: its breaker and its load shall know. */
function expired(text: string): CallOutcome {
  return verdictOfMesh(Code.DeadlineExceeded, text, { reached: true, blame: true });
}
