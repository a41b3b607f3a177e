import type { Instance } from "@antiphon/proto/antiphon/mesh/v1/conductor";

/** A target group of Prometheus' http_sd: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export interface TargetGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<"job" | "instance_id" | "version" | "zone", string>>;
}

/** Where Prometheus finds the metrics of each instance: its admin port. Also of those that are not healthy. */
export function prometheusTargets(instances: readonly Instance[]): TargetGroup[] {
  return instances.map(({ service, id, host, adminPort, version, zone }) => ({
    targets: [`${host.includes(":") ? `[${host}]` : host}:${adminPort}`],
    labels: { job: service, instance_id: id, version, zone },
  }));
}
