import type { BenchOptions } from "./benches.ts";
import { openConsul } from "./consul.ts";
import { CLIENTS, type ClientName, LoadClient, Replica, WARM_UP } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line } from "./report.ts";

const REPLICAS = 3;

/**
 * Failed calls while Consul is away, and after it has come back without its memory and knows no instance,
 * though every replica lives. Both clients at once, since there is one outage; the peer is stock grpc-js
 * with a resolver that asks Consul every second.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const awayMs = quick ? 10_000 : 600_000;
  const order: LoadOrder = { ratePerSecond: 100, durationMs: awayMs, deadlineMs: 5_000 };
  const consul = await openConsul();
  const replica = await Replica.start(...Array.from({ length: REPLICAS }, () => ({})));
  const clients = new Map<ClientName, LoadClient>();
  const results = new Map<ClientName, LoadResult[]>();
  const load = (phase: string, durationMs: number) =>
    Promise.all(
      [...clients].map(async ([name, client]) => {
        const result = await client.run({ ...order, durationMs });
        results.set(name, [...(results.get(name) ?? []), result]);
        say(`${phase} ${name.padEnd(8)} ${JSON.stringify(result.failures)} of ${result.offered}`);
      }),
    );
  try {
    for (const [index, port] of replica.ports.entries()) await consul.register(`echo-${index}`, "echo", port);
    for (const name of CLIENTS) {
      const client = await LoadClient.start(`load-${name}`, { addresses: [], consulUrl: consul.url });
      clients.set(name, client);
      await client.run({ ...WARM_UP, ratePerSecond: 100 });
    }
    await consul.server.stop();
    await load("Consul is away     ", awayMs);
    await consul.server.start();
    await load("Consul knows nobody", quick ? 5_000 : 60_000);
  } finally {
    for (const { worker } of [replica, ...clients.values()]) worker.stop("SIGKILL");
    await consul.close();
  }
  const failed = (name: ClientName) => results.get(name)!.reduce((sum, one) => sum + failedOf(one), 0);
  const offered = results.get("mesh")!.reduce((sum, one) => sum + one.offered, 0);
  return [
    againstGrpcJs({
      bench: "registry-down",
      metric: "failed_calls",
      unit: "calls",
      n: offered,
      offered,
      achieved: offered - failed("mesh"),
      ...ratesOf(results.get("mesh")!),
      ours: failed("mesh"),
      peer: failed("grpc-js"),
      peer_settings: "round_robin, a resolver that polls Consul",
      replicas: REPLICAS,
      away_ms: awayMs,
      failures: results.get("mesh")!.map(({ failures }) => failures),
      peer_failures: results.get("grpc-js")!.map(({ failures }) => failures),
    }),
  ];
}
