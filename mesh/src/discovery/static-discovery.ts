import type { EndpointInfo, MeshDiscovery } from "./discovery.ts";
import { EndpointFeed } from "./endpoint-feed.ts";

/** Endpoints by service name. */
export type StaticEndpoints = Readonly<Record<string, readonly EndpointInfo[]>>;

/** Discovery whose endpoints are given, not found: for tests and fixed addresses. */
export interface StaticDiscovery extends MeshDiscovery {
  /** Replaces the endpoints of the services named; watchers hear of what changed. */
  update(endpoints: StaticEndpoints): void;
}

/** A service that is not in `initial` has no endpoints, and its watchers are told so. */
export function staticDiscovery(initial: StaticEndpoints = {}): StaticDiscovery {
  const feeds = new Map<string, EndpointFeed>();
  const feed = (service: string) => {
    const known = feeds.get(service);
    if (known !== undefined) return known;
    const created = new EndpointFeed();
    feeds.set(service, created);
    return created;
  };
  const catalogWatchers = new Set<() => void>();
  const update = (endpoints: StaticEndpoints) => {
    for (const [service, infos] of Object.entries(endpoints)) feed(service).publish(infos);
    for (const tell of catalogWatchers) tell();
  };
  const offering = () =>
    [...feeds].filter(([, { latest }]) => latest?.some(({ contract }) => contract)).map(([name]) => name);
  update(initial);
  return {
    update,
    watch(service, onEndpoints) {
      const watched = feed(service);
      if (watched.latest === undefined) watched.publish([]);
      return watched.subscribe(onEndpoints);
    },
    watchServices(onServices) {
      const tell = () => onServices(offering());
      catalogWatchers.add(tell);
      queueMicrotask(tell);
      return { close: () => void catalogWatchers.delete(tell) };
    },
  };
}
