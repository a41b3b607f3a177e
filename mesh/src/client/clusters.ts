import type { Discovery } from "../discovery/discovery.ts";
import { Cluster, type ClusterOptions, type TargetSnapshot } from "./cluster.ts";
import type { Target } from "./target.ts";

interface Shared {
  readonly cluster: Cluster;
  users: number;
}

const byDiscovery = new Map<Discovery, Map<string, Shared>>();

/** Every target that this process talks to, for `/debug/mesh`. */
export function debugSnapshot(): TargetSnapshot[] {
  return [...byDiscovery.values()].flatMap((shared) =>
    [...shared.values()].map(({ cluster }) => cluster.snapshot()),
  );
}

/**
 * The one cluster of a target in this process: however many clients talk to a service, its endpoints have
 * one connection and one set of statistics each. The first user's options hold. Give it back with
 * `releaseCluster`.
 */
export function acquireCluster(target: Target, discovery: Discovery, options: ClusterOptions): Cluster {
  const shared = byDiscovery.get(discovery) ?? new Map<string, Shared>();
  byDiscovery.set(discovery, shared);
  const entry = shared.get(target.text) ?? { cluster: new Cluster(target, discovery, options), users: 0 };
  shared.set(target.text, entry);
  entry.users++;
  return entry.cluster;
}

/** Closes the cluster's connections when its last user gives it back. */
export function releaseCluster(cluster: Cluster, discovery: Discovery): void {
  const shared = byDiscovery.get(discovery);
  const entry = shared?.get(cluster.target.text);
  if (entry?.cluster !== cluster || --entry.users > 0) return;
  shared?.delete(cluster.target.text);
  if (shared?.size === 0) byDiscovery.delete(discovery);
  cluster.close();
}
