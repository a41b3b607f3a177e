import { type experimental, type Metadata, status } from "@grpc/grpc-js";
import { LISTENER_HEADER } from "../call-scope.ts";
import { type MethodPlan, planOf } from "../client/method-plan.ts";
import { contractOf } from "../policy/contracts.ts";
import { type CallHeaders, type MethodRules, rulesOf } from "../policy/method-rules.ts";
import { NO_POLICY, type PolicyState } from "../policy/policy-source.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";

type CallConfig = ReturnType<experimental.ConfigSelector["invoke"]>;
type RetryPolicy = NonNullable<CallConfig["methodConfig"]["retryPolicy"]>;

/** grpc-js waits before each retry; its picker then takes another endpoint. */
const BACKOFF = { initialBackoff: "0.025s", maxBackoff: "1s", backoffMultiplier: 2 };

const NO_HEADERS: CallHeaders = {};
const NO_FILTERS: CallConfig["dynamicFilterFactories"] = [];

interface Method {
  /** Undefined where this process does not know the contract. */
  readonly plan: MethodPlan | undefined;
  readonly rules: MethodRules;
  readonly methodConfig: CallConfig["methodConfig"];
}

/**
 * What all channels to one service share: its policy, the budget of their retries, and how each of its methods is
 * to be called. One object for all updates and channels: grpc-js compares by identity what it is handed, and
 * would connect anew.
 */
export class FollowedService implements experimental.ConfigSelector {
  readonly name: string;
  readonly budget = new RetryBudget();
  policyState = NO_POLICY;
  #methods = new Map<string, Method>();

  constructor(name: string) {
    this.name = name;
  }

  steer(state: PolicyState): void {
    if (state.policy !== this.policyState.policy) {
      this.#methods = new Map();
      this.budget.configure(state.policy?.retryBudget ?? {});
    }
    this.policyState = state;
  }

  /** What the contract says of a method, by its path. */
  planOf(path: string): MethodPlan | undefined {
    return this.#methodOf(path).plan;
  }

  /** Asked by grpc-js once a call. */
  invoke(path: string, metadata: Metadata): CallConfig {
    const { rules, methodConfig } = this.#methodOf(path);
    const headers = rules.route || rules.fault ? headersOf(metadata) : NO_HEADERS;
    const version = rules.route?.(headers, headers[LISTENER_HEADER]);
    return {
      methodConfig,
      pickInformation: version === undefined ? { path } : { path, version },
      status: rules.fault?.(headers)?.abortCode ?? status.OK,
      dynamicFilterFactories: NO_FILTERS,
    };
  }

  unref(): void {}

  #methodOf(path: string): Method {
    let method = this.#methods.get(path);
    if (!method) {
      const name = path.slice(1);
      const contract = contractOf(name);
      const plan = contract && planOf(contract);
      const rules = rulesOf(this.policyState.policy, this.name, contract ?? name);
      method = { plan, rules, methodConfig: configOf(rules, plan) };
      this.#methods.set(path, method);
    }
    return method;
  }
}

function configOf({ timeoutMs, maxAttempts }: MethodRules, plan: MethodPlan | undefined) {
  const retryPolicy: RetryPolicy | undefined =
    plan?.idempotent && maxAttempts > 1
      ? { ...BACKOFF, maxAttempts, retryableStatusCodes: [status.UNAVAILABLE] }
      : undefined;
  return {
    name: [],
    ...(timeoutMs === undefined ? {} : { timeout: durationOf(timeoutMs) }),
    ...(retryPolicy ? { retryPolicy } : {}),
  };
}

function durationOf(ms: number) {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}

function headersOf(metadata: Metadata): CallHeaders {
  return Object.fromEntries(
    Object.entries(metadata.getMap()).map(([name, value]) => [name, value.toString()]),
  );
}
