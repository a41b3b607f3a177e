import type { ServiceInstance } from "@antiphon/deploy/local";

/** How many calls of a method an instance has answered since it started, by its own count. */
export async function handledCalls(instance: ServiceInstance, method: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${instance.adminPort}/metrics`);
  let total = 0;
  for (const line of (await response.text()).split("\n")) {
    if (!line.startsWith("grpc_server_handled_total{") || !line.includes(`grpc_method="${method}"`)) continue;
    total += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return total;
}
