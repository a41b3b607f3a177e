import type { BenchOptions } from "./benches.ts";
import { CLIENTS, type ClientName, Replica, startClients } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line } from "./report.ts";

const REPLICAS = 4;
const STALL_MS = 2_000;
/** So that every replica has calls in flight, with a deadline that ends during the stall. */
const ANSWER_AFTER_MS = 100;

/**
 * How many healthy replicas get no call in the seconds after their caller's event loop stood still for
 * two, with calls in flight whose deadline passed meanwhile: it took its own fault for theirs.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 5;
  const stall: LoadOrder = { ratePerSecond: 400, durationMs: 2_000, deadlineMs: 1_000, stallMs: STALL_MS };
  const after: LoadOrder = { ratePerSecond: 200, durationMs: 2_000, deadlineMs: 1_000 };
  const replica = await Replica.start(
    ...Array.from({ length: REPLICAS }, () => ({ delayMs: ANSWER_AFTER_MS })),
  );
  const clients = await startClients(replica.addresses);
  const totals = new Map(
    CLIENTS.map((name) => [name, { ejections: 0, failed: 0, results: [] as LoadResult[], afterwards: [0] }]),
  );
  try {
    for (let turn = 0; turn < rounds; turn++) {
      for (const [name, client] of clients) {
        const total = totals.get(name)!;
        const stalled = await client.run(stall);
        const before = await replica.calls();
        const calm = await client.run(after);
        total.afterwards = (await replica.calls()).map((count, index) => count - before[index]!);
        total.ejections += total.afterwards.filter((calls) => calls === 0).length;
        total.failed += failedOf(stalled);
        total.results.push(stalled, calm);
        say(
          `round ${turn + 1}/${rounds} ${name.padEnd(8)} calls a replica afterwards ${total.afterwards}, failed in the stall ${JSON.stringify(stalled.failures)}`,
        );
      }
    }
  } finally {
    for (const { worker } of [replica, ...clients.values()]) worker.stop("SIGKILL");
  }
  const of = (name: ClientName) => totals.get(name)!;
  const offered = of("mesh").results.reduce((sum, result) => sum + result.offered, 0);
  return [
    againstGrpcJs({
      bench: "stalled-caller",
      metric: "false_ejections",
      unit: "endpoints",
      n: rounds * REPLICAS,
      offered,
      achieved: offered - of("mesh").failed,
      ...ratesOf(of("mesh").results),
      ours: of("mesh").ejections,
      peer: of("grpc-js").ejections,
      peer_settings: "round_robin, which ejects nobody",
      rounds,
      replicas: REPLICAS,
      stall_ms: STALL_MS,
      calls_afterwards: of("mesh").afterwards,
      failed_in_stall: of("mesh").failed,
      peer_failed_in_stall: of("grpc-js").failed,
    }),
  ];
}
