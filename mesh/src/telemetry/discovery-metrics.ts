import { Gauge, type Registry } from "prom-client";
import type { ConsulDiscovery } from "../discovery/consul-discovery.ts";

/** Shows how long ago Consul last said who runs a service: above 35 s, it is away and the last answer is used. */
export function discoveryMetrics(registry: Registry, discovery: ConsulDiscovery): void {
  new Gauge({
    name: "mesh_discovery_age_seconds",
    help: "Since discovery last heard about a service.",
    labelNames: ["dst_service"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [dst_service, ageMs] of discovery.ages()) this.set({ dst_service }, ageMs / 1_000);
    },
  });
}
