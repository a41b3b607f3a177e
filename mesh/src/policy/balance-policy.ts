import { BalanceAlgorithm, type BalancePolicy } from "@antiphon/proto/antiphon/mesh/v1/policy";
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
  const given: { -readonly [K in keyof BalanceOverrides]: BalanceOverrides[K] | undefined } = {
    algorithm: ALGORITHMS[policy.algorithm],
    hash: hashOf(policy),
    boundedLoad: policy.boundedLoad,
    preferZone: policy.preferZone,
    zoneSpillBelow: policy.zoneSpillBelow,
    subsetSize: policy.subsetSize,
    panicThreshold: policy.panicThreshold,
    slowStartMs: policy.slowStart && millisOf(policy.slowStart),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function hashOf({ hash }: BalancePolicy): HashSource | undefined {
  if (hash.case === "hashHeader") return { kind: "header", name: hash.value };
  return hash.case === "hashField" ? { kind: "field", name: hash.value } : undefined;
}
