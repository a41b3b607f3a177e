import { Code } from "@connectrpc/connect";
import { currentScope } from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import type { MethodRules } from "../policy/method-rules.ts";
import { abort, type Call, type CallOutcome, type CallSignal, type Send, verdictOfMesh } from "./call.ts";
import type { MethodPlan } from "./method-plan.ts";

/** What a timer can wait for at most: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
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
  return (call, done) => {
    const scope = currentScope();
    const nowMs = clock.monotonic();
    const ownMs = ownTimeout(call.timeoutMs, usualMs);
    const ownAtMs = ownMs === undefined ? Number.POSITIVE_INFINITY : nowMs + ownMs;
    const inheritedAtMs = scope?.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    const atMs = Math.min(ownAtMs, inheritedAtMs);
    const text = () =>
      ownAtMs <= inheritedAtMs
        ? `no answer within ${ownMs} ms`
        : "the time of the call it is part of is over";
    if (atMs <= nowMs) {
      done(verdictOfMesh(Code.DeadlineExceeded, text()));
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const expire = () => {
      if (!over) abort(call, expired(text()));
    };
    if (atMs !== Number.POSITIVE_INFINITY) {
      call.deadlineAtMs = atMs;
      const onTime = () => {
        if (clock.monotonic() - atMs < LATE_MS) expire();
        else setImmediate(expire);
      };
      timer = setTimeout(onTime, Math.min(atMs - nowMs, LONGEST_TIMER_MS));
    }
    const unlinkOwn = call.signal && link(call, call.signal);
    const unlinkScope = scope?.signal && link(call, scope.signal);
    next(call, (outcome) => {
      over = true;
      clearTimeout(timer);
      unlinkOwn?.();
      unlinkScope?.();
      done(outcome);
    });
  };
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
