import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { PolicyFeed } from "../src/policy/policy-feed.ts";
import type { PolicySource } from "../src/policy/policy-source.ts";

export type PolicyInit = MessageInitShape<typeof TrafficPolicySchema>;

/** Policies that a test sets; read and checked as those in Consul are. */
export interface MemoryPolicies extends PolicySource {
  /** Undefined deletes it. Followers hear of it before this returns. */
  set(service: string, policy: PolicyInit | undefined): void;
}

export function memoryPolicies(): MemoryPolicies {
  const feeds = new Map<string, PolicyFeed>();
  const feedOf = (service: string) => {
    let feed = feeds.get(service);
    if (!feed) {
      feed = new PolicyFeed(service);
      feed.offer(undefined);
      feeds.set(service, feed);
    }
    return feed;
  };
  return {
    watch: (service, onState) => feedOf(service).subscribe(onState),
    set(service, policy) {
      feedOf(service).offer(policy && toJsonString(TrafficPolicySchema, create(TrafficPolicySchema, policy)));
    },
  };
}
