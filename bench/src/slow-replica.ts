import type { BenchOptions } from "./benches.ts";
import { CLIENTS, type ClientName, type LoadClient, Replica, startClients } from "./fleet.ts";
import { type LoadOrder, type LoadResult, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line, median, percentile, round } from "./report.ts";

const REPLICAS = 10;
const SLOW_MS = 200;
const NORMAL_MS = 5;

/**
 * The 99th percentile of calls to ten replicas of which one needs 200 ms and the others 5, at 400 calls a
 * second in bursts of 8, and how much more that is than with ten healthy ones. Median of the rounds.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 8;
  const order: LoadOrder = {
    ratePerSecond: 400,
    burst: 8,
    durationMs: quick ? 3_000 : 8_000,
    deadlineMs: 5_000,
  };
  const healthySpecs = Array.from({ length: REPLICAS }, () => ({ delayMs: NORMAL_MS }));
  const slowSpecs = [{ delayMs: SLOW_MS }, ...healthySpecs.slice(1)];
  const fleets = {
    healthy: await Replica.start(...healthySpecs),
    slow: await Replica.start(...slowSpecs),
  };
  const clients = {
    healthy: await startClients(fleets.healthy.addresses),
    slow: await startClients(fleets.slow.addresses),
  };
  const all: LoadClient[] = [...clients.healthy.values(), ...clients.slow.values()];
  const p99s = new Map<string, number[]>();
  const underTest: LoadResult[] = [];
  let callsToSlow = 0;
  try {
    for (let turn = 0; turn < rounds; turn++) {
      for (const name of CLIENTS) {
        for (const fleet of ["healthy", "slow"] as const) {
          const before = (await fleets[fleet].calls())[0]!;
          const result = await clients[fleet].get(name)!.run(order);
          const p99 = percentile(result.tookMs, 0.99);
          p99s.set(`${name} ${fleet}`, [...(p99s.get(`${name} ${fleet}`) ?? []), p99]);
          say(`round ${turn + 1}/${rounds} ${name.padEnd(8)} ${fleet.padEnd(8)} p99 ${p99.toFixed(1)} ms`);
          if (name !== "mesh" || fleet !== "slow") continue;
          underTest.push(result);
          callsToSlow += (await fleets.slow.calls())[0]! - before;
        }
      }
    }
  } finally {
    for (const { worker } of [...all, ...Object.values(fleets)]) worker.stop("SIGKILL");
  }
  const p99 = (name: ClientName, fleet: "healthy" | "slow") => median(p99s.get(`${name} ${fleet}`)!);
  const overHealthy = (name: ClientName) => p99(name, "slow") / p99(name, "healthy");
  const achieved = underTest.reduce((sum, { tookMs }) => sum + tookMs.length, 0);
  const common = {
    bench: "slow-replica",
    n: achieved,
    offered: underTest.reduce((sum, { offered }) => sum + offered, 0),
    achieved,
    ...ratesOf(underTest),
    peer_settings: "round_robin",
    rounds,
    replicas: REPLICAS,
    slow_ms: SLOW_MS,
    normal_ms: NORMAL_MS,
    burst: order.burst,
    calls_to_slow: callsToSlow,
  };
  return [
    againstGrpcJs({
      ...common,
      metric: "p99_ms",
      unit: "ms",
      ours: p99("mesh", "slow"),
      peer: p99("grpc-js", "slow"),
    }),
    againstGrpcJs({
      ...common,
      metric: "p99_over_healthy",
      unit: "x",
      ours: overHealthy("mesh"),
      peer: overHealthy("grpc-js"),
      healthy_p99_ms: round(p99("mesh", "healthy")),
      peer_healthy_p99_ms: round(p99("grpc-js", "healthy")),
    }),
  ];
}
