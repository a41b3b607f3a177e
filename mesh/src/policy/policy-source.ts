import { type TrafficPolicy, TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Watch } from "../discovery/discovery.ts";

/** The policy of a service as its callers follow it. */
export interface PolicyState {
  /** The last good one; undefined where there is none, and the defaults hold. */
  readonly policy: TrafficPolicy | undefined;
  /** Why what is stored now is not followed, each field named; undefined where it is. */
  readonly refused: string | undefined;
}

export const NO_POLICY: PolicyState = Object.freeze({ policy: undefined, refused: undefined });

export type PolicyStateName = "default" | "followed" | "refused";

/** Refused tells of what is stored now, whatever is followed instead. */
export function stateName({ policy, refused }: PolicyState): PolicyStateName {
  if (refused !== undefined) return "refused";
  return policy ? "followed" : "default";
}

/** As `/debug/mesh` shows it. */
export function shownPolicy(state: PolicyState): {
  state: PolicyStateName;
  refused?: string;
  policy?: JsonValue;
} {
  const { policy, refused } = state;
  return {
    state: stateName(state),
    ...(refused === undefined ? {} : { refused }),
    ...(policy ? { policy: toJson(TrafficPolicySchema, policy) } : {}),
  };
}

/** Follows the policies of services. */
export interface PolicySource {
  /**
   * Calls `onState` once it is known whether there is a policy, at the latest after a second, with the defaults,
   * and at each change after; never before it returns. While the source is away the last good policy stays.
   */
  watch(service: string, onState: (state: PolicyState) => void): Watch;
}
