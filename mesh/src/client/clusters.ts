import type { Discovery } from "../discovery/discovery.ts";
import { showTarget } from "../telemetry/debug-targets.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import type { Target } from "./target.ts";

interface Shared {
  readonly cluster: Cluster;
  readonly hide: () => void;
  users: number;
}

const byDiscovery = new Map<Discovery, Map<string, Shared>>();

/**
 * The one cluster of a target in this process: however many clients talk to a service, its endpoints have
 * one connection and one set of statistics each. The first user's options hold. Give it back with
 * `releaseCluster`.
 */
export function acquireCluster(target: Target, discovery: Discovery, options: ClusterOptions): Cluster {
  const shared = byDiscovery.get(discovery) ?? new Map<string, Shared>();
  byDiscovery.set(discovery, shared);
  const entry = shared.get(target.text) ?? open(new Cluster(target, discovery, options));
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
  entry.hide();
  cluster.close();
}

function open(cluster: Cluster): Shared {
  return { cluster, hide: showTarget(() => cluster.snapshot()), users: 0 };
}
