import Consul from "consul";

/** The npm package's own watcher with its defaults: tells when an instance first appears as passing. */
export function watchWithConsulPackage(url: string, service: string, seen: (id: string) => void): () => void {
  const { hostname, port } = new URL(url);
  const consul = new Consul({ host: hostname, port: Number(port) });
  const watch = consul.watch({
    method: consul.health.service,
    options: { service, passing: true } as never,
  });
  watch.on("change", (entries: { Service: { ID: string } }[]) => {
    for (const { Service } of entries) seen(Service.ID);
  });
  watch.on("error", () => {});
  return () => watch.end();
}
