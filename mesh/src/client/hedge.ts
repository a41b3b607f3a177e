import { Code } from "@connectrpc/connect";
import type { Clock } from "../clock.ts";
import type { HedgeRule } from "../policy/method-rules.ts";
import { pushbackOf } from "../resilience/load-headers.ts";
import type { RetryBudget } from "../resilience/retry-budget.ts";
import type { PolicyAction } from "../telemetry/policy-metrics.ts";
import {
  abort,
  type Call,
  type CallOutcome,
  type Done,
  isWorthRetrying,
  type Send,
  verdictOfMesh,
} from "./call.ts";
import type { Cluster } from "./cluster.ts";

export interface HedgeParts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly budget: RetryBudget;
  readonly count: (action: PolicyAction) => void;
}

/**
 * Sends a call that has had no answer for a while to one more endpoint, under the target's budget and only
 * while there is an endpoint that it has not tried. The first answer that is not worth a retry ends it; where
 * all attempts fail, the last failure does.
 */
export function hedgeLayer(next: Send, rule: HedgeRule, parts: HedgeParts): Send {
  return (call, done) => new HedgedCall(call, done, next, rule, parts).start();
}

class HedgedCall {
  readonly #call: Call;
  readonly #done: Done;
  readonly #next: Send;
  readonly #rule: HedgeRule;
  readonly #parts: HedgeParts;
  readonly #running: Call[] = [];
  #first: Call | undefined;
  #started = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(call: Call, done: Done, next: Send, rule: HedgeRule, parts: HedgeParts) {
    this.#call = call;
    this.#done = done;
    this.#next = next;
    this.#rule = rule;
    this.#parts = parts;
  }

  start(): void {
    this.#call.onAbort = (outcome) => this.#giveUp(outcome);
    this.#send();
  }

  #send(): void {
    const tried = this.#tried();
    const attempt: Call = {
      ...this.#call,
      tried: tried.length > 0 ? tried : undefined,
      attempts: 0,
      onAbort: undefined,
    };
    this.#first ??= attempt;
    this.#started++;
    this.#running.push(attempt);
    this.#next(attempt, (outcome) => this.#ended(attempt, outcome));
    if (this.#over || this.#started >= this.#rule.maxAttempts) return;
    this.#timer = setTimeout(() => this.#hedge(), this.#rule.delayMs);
  }

  #hedge(): void {
    const { budget, clock, cluster, count } = this.#parts;
    // One that still waits for an endpoint would not be helped by another that waits.
    if (this.#running.some(({ endpoint }) => !endpoint)) return;
    if (!cluster.hasUntried(this.#tried()) || !budget.withdraw(clock.monotonic())) return;
    count("hedged");
    this.#send();
  }

  #tried() {
    const underWay = this.#running.flatMap(({ endpoint }) => endpoint ?? []);
    return [...(this.#call.tried ?? []), ...underWay];
  }

  #ended(attempt: Call, outcome: CallOutcome): void {
    this.#call.attempts += attempt.attempts;
    if (this.#over) return;
    this.#running.splice(this.#running.indexOf(attempt), 1);
    if (this.#running.length > 0 && isWorthRetrying(outcome) && (pushbackOf(outcome.trailer) ?? 0) >= 0) {
      // Another may still answer; the retry layer counts this one when it comes to that.
      this.#call.tried = [...(this.#call.tried ?? []), ...(attempt.endpoint ? [attempt.endpoint] : [])];
      return;
    }
    this.#finish();
    if (outcome.code === 0 && attempt !== this.#first) this.#parts.count("hedge_won");
    for (const beaten of this.#running) abort(beaten, BEATEN);
    const { endpoint, messagesSent, messagesReceived } = attempt;
    Object.assign(this.#call, { endpoint, messagesSent, messagesReceived });
    this.#done(outcome);
  }

  #giveUp(outcome: CallOutcome): void {
    this.#finish();
    this.#call.endpoint = this.#running[0]?.endpoint ?? this.#call.endpoint;
    for (const attempt of this.#running) abort(attempt, outcome);
    this.#done(outcome);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#call.onAbort = undefined;
  }
}

/** What its endpoint hears: it has taken at least so long. */
const BEATEN: CallOutcome = {
  ...verdictOfMesh(Code.Canceled, "another attempt was faster", { reached: true }),
  isBeaten: true,
};
