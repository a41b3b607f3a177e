import { type Clock, systemClock } from "../clock.ts";
import { type BlockingQuery, blockingQuery, parseIndex } from "../discovery/blocking-query.ts";
import { ConsulFollower } from "../discovery/consul-follower.ts";
import type { Logger } from "../telemetry/logger.ts";
import { PolicyFeed } from "./policy-feed.ts";
import type { PolicySource } from "./policy-source.ts";

export interface ConsulPoliciesOptions {
  /** Consul's HTTP address, e.g. `http://127.0.0.1:8500`. */
  readonly url: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** How long one blocking query may wait for a change, 30,000 by default. */
  readonly waitMs?: number;
  /** How long an answer may take beyond that, 5,000 by default. */
  readonly timeoutMs?: number;
}

/** So long the first calls of a process wait for Consul's word on their policy. */
const PATIENCE_MS = 1_000;

/** Where in Consul's KV the policy of a service lies, as protobuf's JSON. */
export function policyKey(service: string): string {
  return `antiphon/policy/${service}`;
}

/**
 * Follows the policies in Consul's KV, with one blocking query a service however many watch it. While Consul
 * is away, when one answers that has forgotten everything, or when what it holds makes no sense, the last good
 * policy stays; one that is deleted ends.
 */
export function consulPolicies(options: ConsulPoliciesOptions): PolicySource {
  const { url, log, clock = systemClock, waitMs = 30_000, timeoutMs = 5_000 } = options;
  const followed = new Map<string, { feed: PolicyFeed; follower: ConsulFollower<StoredPolicy> }>();

  const follow = (service: string) => {
    const feed = new PolicyFeed(service, log);
    let newest = 0;
    let isForgotten = false;
    const accept = ({ index, text }: StoredPolicy) => {
      // A policy that somebody deleted has a newer index than when it was there.
      const wasForgotten = isForgotten;
      isForgotten = text === undefined && index < newest;
      if (!isForgotten) {
        newest = index;
        feed.offer(text);
      } else if (!wasForgotten) {
        log?.warn({ target: service }, "Consul has started over without its policy, which is kept");
      }
    };
    const follower = new ConsulFollower({
      service,
      clock,
      log,
      kept: "its policy is kept",
      ask: (index, signal) => queryPolicy(url, service, { index, waitMs, timeoutMs, signal }),
      accept,
    });
    setTimeout(() => feed.assumeDefaults(), PATIENCE_MS).unref();
    return { feed, follower };
  };

  return {
    watch(service, onState) {
      const entry = followed.get(service) ?? follow(service);
      followed.set(service, entry);
      const subscription = entry.feed.subscribe(onState);
      return {
        close() {
          subscription.close();
          if (entry.feed.watched) return;
          entry.follower.close();
          if (followed.get(service) === entry) followed.delete(service);
        },
      };
    },
  };
}

interface StoredPolicy {
  readonly index: number;
  readonly bytes: number;
  /** Undefined where nothing is stored. */
  readonly text: string | undefined;
}

async function queryPolicy(
  url: string,
  service: string,
  query: Omit<BlockingQuery, "address">,
): Promise<StoredPolicy> {
  const address = new URL(`/v1/kv/${policyKey(service)}`, url);
  address.searchParams.set("raw", "1");
  const { index, body } = await blockingQuery({ ...query, address });
  return { index: parseIndex(index), bytes: body?.length ?? 0, text: body };
}
