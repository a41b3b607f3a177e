import { Code } from "@connectrpc/connect";
import { currentScope } from "../call-scope.ts";
import type { Clock } from "../clock.ts";
import { abort, type Send, verdictOfMesh } from "./call.ts";
import type { MethodPlan } from "./method-plan.ts";

/**
 * Gives a call the earliest of: what its caller asked for (else its contract's timeout), and what is left
 * of the call in whose scope it is made. Ends it with `deadline_exceeded` when that passes, with
 * `canceled` when the caller, or the caller's caller, goes away.
 */
export function deadlineLayer(next: Send, plan: MethodPlan, { clock }: { clock: Clock }): Send {
  return (call, done) => {
    const scope = currentScope();
    const nowMs = clock.monotonic();
    const ownMs = call.timeoutMs ?? plan.timeoutMs;
    const ownAtMs = ownMs === undefined ? undefined : nowMs + ownMs;
    const inheritedAtMs = scope?.deadlineAtMs;
    const inherits = inheritedAtMs !== undefined && (ownAtMs === undefined || inheritedAtMs < ownAtMs);
    const atMs = inherits ? inheritedAtMs : ownAtMs;
    call.deadlineAtMs = atMs;

    const expired = () =>
      verdictOfMesh(
        Code.DeadlineExceeded,
        inherits ? "the time of the call it is part of is over" : `no answer within ${ownMs} ms`,
        { reached: true, blame: true },
      );
    if (atMs !== undefined && atMs <= nowMs) {
      done({ ...expired(), reached: false });
      return;
    }
    const timer = atMs === undefined ? undefined : setTimeout(() => abort(call, expired()), atMs - nowMs);
    const unlinkOwn = link(call.signal, () => abort(call, canceled(call.signal)));
    const unlinkScope = link(scope?.signal, () => abort(call, canceled(scope?.signal)));
    next(call, (outcome) => {
      clearTimeout(timer);
      unlinkOwn?.();
      unlinkScope?.();
      done(outcome);
    });
  };
}

function link(signal: AbortSignal | undefined, onAbort: () => void): (() => void) | undefined {
  if (!signal) return undefined;
  if (signal.aborted) {
    onAbort();
    return undefined;
  }
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

function canceled(signal: AbortSignal | undefined) {
  const reason: unknown = signal?.reason;
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  return timedOut
    ? verdictOfMesh(Code.DeadlineExceeded, "the caller's time is over", { reached: true, blame: true })
    : verdictOfMesh(Code.Canceled, "the caller gave up", { reached: true });
}
