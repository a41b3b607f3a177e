import { type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { ConductorService } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import type { Config } from "./config.ts";
import { jetstreamMetrics } from "./jetstream-metrics.ts";
import { PolicyStore } from "./policy-store.ts";
import { prometheusTargets } from "./prometheus-targets.ts";
import { Roster } from "./roster.ts";
import { conductorService } from "./service.ts";

export function build(deps: ServiceDeps, { mesh }: Config): Served[] {
  const { admin, log, onStop, readiness, signal } = deps;
  const roster = new Roster({ consulUrl: mesh.consulUrl, log, signal });
  const running = roster.run();
  onStop("roster", () => running);
  readiness("roster", () => {
    if (!roster.instances.value) throw new Error("Consul has not told the instances yet");
  });

  admin("/sd/prometheus", (_request, response) => {
    const instances = roster.instances.value;
    // Prometheus keeps the targets it has when it gets no list; an empty one would take them away.
    if (!instances) return void response.writeHead(503).end("Consul has not told the instances yet\n");
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(prometheusTargets(instances)));
  });

  jetstreamMetrics(deps);
  const store = new PolicyStore(mesh.consulUrl);
  return [serve(ConductorService, conductorService({ instances: roster.instances, store, log, signal }))];
}
