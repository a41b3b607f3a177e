import { lookup as systemLookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../telemetry/logger.ts";
import type { Discovery } from "./discovery.ts";
import { EndpointFeed } from "./endpoint-feed.ts";

export interface DnsDiscoveryOptions {
  readonly log?: Logger;
  /** How often names are looked up. Default 10,000. */
  readonly intervalMs?: number;
  /** Default that of the system, with its hosts file and caches. */
  readonly lookup?: (host: string) => Promise<readonly { readonly address: string }[]>;
}

/**
 * Finds endpoints by DNS: every address of a host name, such as a headless service of Kubernetes. It is asked again
 * and again, since DNS tells of no change. While it fails, or knows no address, the last good endpoints stay.
 * Services are named `<host>:<port>`.
 */
export function dnsDiscovery(options: DnsDiscoveryOptions = {}): Discovery {
  const followed = new Map<string, { feed: EndpointFeed; stop: AbortController }>();
  const follow = (name: string) => {
    const entry = { feed: new EndpointFeed(), stop: new AbortController() };
    void keepAsking(name, entry.feed, entry.stop.signal, options);
    return entry;
  };
  return {
    watch(name, onEndpoints) {
      const entry = followed.get(name) ?? follow(name);
      followed.set(name, entry);
      const subscription = entry.feed.subscribe(onEndpoints);
      return {
        close() {
          subscription.close();
          if (entry.feed.watched) return;
          entry.stop.abort();
          if (followed.get(name) === entry) followed.delete(name);
        },
      };
    },
  };
}

async function keepAsking(
  name: string,
  feed: EndpointFeed,
  signal: AbortSignal,
  { log, intervalMs = 10_000, lookup = (host) => systemLookup(host, { all: true }) }: DnsDiscoveryOptions,
): Promise<void> {
  const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(name) ?? [];
  let isAway = false;
  while (!signal.aborted) {
    try {
      const addresses = new Set((await lookup(host)).map(({ address }) => address));
      if (addresses.size === 0) throw new Error("no address");
      isAway = false;
      const endpointOf = (address: string) => ({
        id: `${address}:${port}`,
        host: address,
        port: Number(port),
        version: "",
        zone: "",
        weight: 1,
      });
      if (!signal.aborted) feed.publish([...addresses].map(endpointOf));
    } catch (error) {
      if (!isAway)
        log?.warn({ target: name, reason: String(error) }, "DNS does not answer, endpoints are kept");
      isAway = true;
    }
    await delay(intervalMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
