import type { System } from "./system.ts";
import { renderTable } from "./table.ts";

/** The table at the end of the start: where everything is. */
export function summary(system: System): string {
  const { consul, prometheus, secrets, instances } = system;
  const at = (url: string) => url.replace("127.0.0.1", "localhost");
  const copies = Map.groupBy(instances, ({ service }) => service);
  return renderTable([
    ["", ""],
    ["Web page", at(system.gatewayUrl)],
    ["Gateway", `${at(system.gatewayUrl)} (Connect and gRPC-Web)`],
    ["Consul", `${at(consul.url)}/ui`],
    ...(prometheus === undefined
      ? []
      : [["Prometheus", `${at(prometheus.url)}/consoles/antiphon.html`] as const]),
    ["Operator", `${secrets.operator.email}, password ${secrets.operator.password}`],
    ["", ""],
    ...[...copies].map(
      ([service, all]) =>
        [
          service,
          all.map(({ port, adminPort }) => `port ${port}, admin http://localhost:${adminPort}`).join("\n"),
        ] as const,
    ),
    ["", ""],
    ["Ctrl-C", "stops everything; data stays in .antiphon/data, logs in .antiphon/logs"],
  ]);
}
