import type { Clock } from "../clock.ts";
import { backoffMs } from "../resilience/backoff.ts";
import { isNack, pushbackOf } from "../resilience/load-headers.ts";
import type { RetryBudget } from "../resilience/retry-budget.ts";
import type { RetryKind } from "../telemetry/client-metrics.ts";
import { type Call, type CallOutcome, isUnknownThere, isWorthRetrying, type Send } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import type { MethodPlan } from "./method-plan.ts";
import { sleep } from "./sleep.ts";

const BACKOFF = { baseMs: 25, maxMs: 1_000 };

export interface RetryParts {
  readonly clock: Clock;
  readonly budget: RetryBudget;
  readonly cluster: Cluster;
  /** The first attempt and its retries; one that finds no endpoint to send to counts as well. */
  readonly maxAttempts: number;
  /** Called for each retry with why it is allowed. */
  readonly onRetry: (kind: RetryKind) => void;
}

/**
 * Sends a call again after `unavailable`, or an attempt that timed out, on another endpoint while one is left:
 * up to three attempts (or what the policy says) and under the target's budget where its contract says that
 * this does no harm; once, outside the budget, where no handler can have seen it. A call that a server refused
 * because it has too much to do goes to one that has not; where all have, after their pushback and under the
 * budget. What an endpoint does not implement is asked of another. A call of which the caller has seen an answer, or whose messages are written one by one, is sent
 * once. A peer's `grpc-retry-pushback-ms` is obeyed.
 */
export function retryLayer(next: Send, plan: MethodPlan, parts: RetryParts): Send {
  const { clock, budget, cluster, maxAttempts, onRetry } = parts;
  const replayable = plan.kind === "unary" || plan.kind === "server_streaming";
  if (!replayable) return next;

  /** How long to wait before the call is sent again; undefined where it is not. */
  const retryAfterMs = (call: Call, outcome: CallOutcome): number | undefined => {
    if (!isWorthRetrying(outcome)) return undefined;
    if (call.aborted || call.answered || !call.endpoint) return undefined;
    const pushbackMs = pushbackOf(outcome.trailer);
    if (pushbackMs !== undefined && !(pushbackMs >= 0)) return undefined;
    call.tried ??= [];
    call.tried.push(call.endpoint);
    const tries = call.tried.length;
    const nowMs = clock.monotonic();
    const refused = isNack(outcome.trailer);
    const goesElsewhere = refused ? cluster.hasWilling(call.tried, nowMs) : cluster.hasUntried(call.tried);
    if (isUnknownThere(outcome) && !goesElsewhere) return undefined;
    const ownPaceMs = goesElsewhere ? 0 : backoffMs(tries - 1, BACKOFF);
    // Who refuses speaks for itself alone.
    const waitMs = refused && goesElsewhere ? 0 : (pushbackMs ?? ownPaceMs);
    if (call.deadlineAtMs !== undefined && nowMs + waitMs >= call.deadlineAtMs) return undefined;
    if (!outcome.reached && !call.resentFree && (goesElsewhere || !refused)) {
      call.resentFree = true;
      onRetry("never_reached");
      return waitMs;
    }
    const isHarmless = plan.idempotent || refused;
    if (!isHarmless || tries >= maxAttempts || !budget.withdraw(nowMs)) return undefined;
    onRetry("budget");
    return waitMs;
  };

  return (call, done) => {
    budget.deposit(clock.monotonic());
    const onOutcome = (outcome: CallOutcome) => {
      if (outcome.code === 0) {
        done(outcome);
        return;
      }
      const waitMs = retryAfterMs(call, outcome);
      if (waitMs === undefined) done(outcome);
      else if (waitMs === 0) next(call, onOutcome);
      else sleep(call, waitMs, () => next(call, onOutcome), done);
    };
    next(call, onOutcome);
  };
}
