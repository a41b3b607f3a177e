import { Gauge, type Registry } from "prom-client";
import type { MethodPlan } from "../client/method-plan.ts";
import { type PolicyState, type PolicyStateName, stateName } from "../policy/policy-source.ts";
import { methodLabels } from "./grpc-labels.ts";
import { type Cell, LeanCounter } from "./lean-metrics.ts";

/** What the policy of a service did with a call, or an attempt. */
export type PolicyAction =
  | "other_version"
  | "hedged"
  | "hedge_won"
  | "attempt_timeout"
  | "mirrored"
  | "mirror_skipped"
  | "delayed"
  | "aborted";

const STATES: readonly PolicyStateName[] = ["default", "followed", "refused"];

/** Whose policy is shown. */
export interface PolicyFollower {
  readonly target: { readonly service: string };
  readonly policyState: PolicyState;
}

/** The numbers of traffic policies. */
export class PolicyMetrics {
  readonly #actions: LeanCounter;
  readonly #cells = new Map<string, Cell>();

  constructor(registry: Registry, followers: () => Iterable<PolicyFollower>) {
    this.#actions = new LeanCounter({
      name: "mesh_policy_actions_total",
      help: "What policies did with calls and attempts.",
      labelNames: ["grpc_service", "grpc_method", "dst_service", "action"],
      registry,
    });
    new Gauge({
      name: "mesh_policy_state",
      help: "1 for the state of the policy of a service: default (none), followed, or refused.",
      labelNames: ["dst_service", "state"],
      registers: [registry],
      collect() {
        this.reset();
        for (const { target, policyState } of followers()) {
          const now = stateName(policyState);
          for (const state of STATES) this.set({ dst_service: target.service, state }, Number(state === now));
        }
      },
    });
  }

  /** Counts what is done with the calls of one method; each action is shown once it has happened. */
  actionsOf(plan: MethodPlan, dstService: string): (action: PolicyAction) => void {
    const { grpc_service, grpc_method } = methodLabels(plan.method);
    return (action) => {
      const key = `${plan.path} ${dstService} ${action}`;
      let cell = this.#cells.get(key);
      if (!cell) {
        cell = this.#actions.cell({ grpc_service, grpc_method, dst_service: dstService, action });
        this.#cells.set(key, cell);
      }
      cell.value++;
    };
  }
}
