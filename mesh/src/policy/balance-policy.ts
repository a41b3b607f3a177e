import {
  BalanceAlgorithm,
  type BalancePolicy,
  type EjectionPolicy,
} from "@antiphon/proto/antiphon/mesh/v1/policy";
import type { Algorithm, BalanceOverrides, HashSource } from "../balance/settings.ts";
import { millisOf } from "./duration.ts";

const ALGORITHMS: Readonly<Record<BalanceAlgorithm, Algorithm | undefined>> = {
  [BalanceAlgorithm.UNSPECIFIED]: undefined,
  [BalanceAlgorithm.P2C]: "p2c",
  [BalanceAlgorithm.ROUND_ROBIN]: "round_robin",
  [BalanceAlgorithm.WEIGHTED]: "weighted",
  [BalanceAlgorithm.RING_HASH]: "ring_hash",
};

/** What a policy that was checked asks of the balancer. */
export function balanceOf(policy: BalancePolicy | undefined): BalanceOverrides {
  if (!policy) return {};
  return withoutUndefined({
    algorithm: ALGORITHMS[policy.algorithm],
    hash: hashOf(policy),
    boundedLoad: policy.boundedLoad,
    preferZone: policy.preferZone,
    zoneSpillBelow: policy.zoneSpillBelow,
    subsetSize: policy.subsetSize,
    panicThreshold: policy.panicThreshold,
    slowStartMs: policy.slowStart && millisOf(policy.slowStart),
    warningWeight: policy.warningWeight,
    ejection: ejectionOf(policy.ejection),
  });
}

function ejectionOf(policy: EjectionPolicy | undefined): BalanceOverrides["ejection"] | undefined {
  if (!policy) return undefined;
  const { consecutiveFailures, failureRatio, minAttempts, successRateDeviations, maxShare } = policy;
  return withoutUndefined({
    consecutiveFailures,
    failureRatio,
    minAttempts,
    successRateDeviations,
    baseMs: policy.baseTime && millisOf(policy.baseTime),
    maxMs: policy.maxTime && millisOf(policy.maxTime),
    maxShare,
  });
}

function withoutUndefined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}

function hashOf({ hash }: BalancePolicy): HashSource | undefined {
  if (hash.case === "hashHeader") return { kind: "header", name: hash.value };
  return hash.case === "hashField" ? { kind: "field", name: hash.value } : undefined;
}
