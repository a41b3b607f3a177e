import { type Clock, systemClock } from "../clock.ts";
import type { Logger } from "../telemetry/logger.ts";
import { ConsulFollower } from "./consul-follower.ts";
import { queryServices } from "./consul-services.ts";
import { ConsulWatcher } from "./consul-watcher.ts";
import type { MeshDiscovery } from "./discovery.ts";

export interface ConsulDiscoveryOptions {
  /** Consul's HTTP address, e.g. `http://127.0.0.1:8500`. */
  readonly url: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** How long one blocking query may wait for a change, 30,000 by default. */
  readonly waitMs?: number;
  /** How long an answer may take beyond that, 5,000 by default. */
  readonly timeoutMs?: number;
}

/** Discovery that also tells how fresh its knowledge is. */
export interface ConsulDiscovery extends MeshDiscovery {
  /** Milliseconds since Consul last answered, by service that is watched; steady below 35,000. */
  ages(): ReadonlyMap<string, number>;
}

/**
 * Finds endpoints through Consul: the instances whose readiness check passes, with one blocking query
 * a service however many watch it. See `ConsulWatcher` for what happens when Consul is away.
 */
export function consulDiscovery(options: ConsulDiscoveryOptions): ConsulDiscovery {
  const { url, log, clock = systemClock, waitMs = 30_000, timeoutMs = 5_000 } = options;
  const watchers = new Map<string, ConsulWatcher>();
  return {
    ages: () => new Map([...watchers].map(([service, { ageMs }]) => [service, ageMs])),
    watch(service, onEndpoints) {
      const watcher =
        watchers.get(service) ?? new ConsulWatcher({ url, service, waitMs, timeoutMs, clock, log });
      watchers.set(service, watcher);
      const subscription = watcher.feed.subscribe(onEndpoints);
      return {
        close() {
          subscription.close();
          if (watcher.feed.watched) return;
          watcher.close();
          if (watchers.get(service) === watcher) watchers.delete(service);
        },
      };
    },
    watchServices(onServices) {
      let told: string | undefined;
      const follower = new ConsulFollower({
        ask: (index, signal) => queryServices(url, { index, waitMs, timeoutMs, signal }),
        accept({ services }) {
          const names = services.join(",");
          if (names !== told) onServices(services);
          told = names;
        },
        kept: "services are kept",
        service: "all",
        clock,
        log,
      });
      return { close: () => follower.close() };
    },
  };
}
