import type { BenchOptions } from "./benches.ts";
import { LoadClient, Replica, WARM_UP } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult, type LoadSettings, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line } from "./report.ts";

const REPLICAS = 4;
const RATE = 200;
const DEADLINE_MS = 1_000;
const FAULT_AFTER_MS = 1_500;

const CLIENTS: Readonly<Record<string, { file: string; settings: Partial<LoadSettings> }>> = {
  mesh: { file: "load-mesh", settings: {} },
  "mesh, hedged": { file: "load-mesh", settings: { hedgeAfterMs: 100 } },
  "grpc-js": { file: "load-grpc-js", settings: {} },
};

/** Stopped by SIGSTOP in the middle of a load: its connections stay open, nothing answers. */
export const frozen = {
  run: (options: BenchOptions) => underFault("frozen-replica", "SIGSTOP", options),
};

/** Killed in the middle of a load. */
export const killed = {
  run: (options: BenchOptions) => underFault("killed-replica", "SIGKILL", options),
};

/**
 * Failed calls of the worst round when one of four replicas is lost under 200 calls a second with a
 * deadline of a second. The clients take turns; each turn loses another replica, which then is back.
 */
async function underFault(
  bench: string,
  signal: "SIGSTOP" | "SIGKILL",
  { quick, say }: BenchOptions,
): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 5;
  const order: LoadOrder = {
    ratePerSecond: RATE,
    durationMs: quick ? 3_500 : 12_000,
    deadlineMs: DEADLINE_MS,
  };
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => Replica.start({})));
  const addresses = replicas.flatMap((replica) => replica.addresses);
  const clients = new Map<string, LoadClient>();
  const results = new Map<string, LoadResult[]>();
  try {
    await Promise.all(
      Object.entries(CLIENTS).map(async ([name, { file, settings }]) => {
        const client = await LoadClient.start(file, { addresses, ...settings });
        clients.set(name, client);
        results.set(name, []);
        await client.run(WARM_UP);
      }),
    );
    let turn = 0;
    for (let round = 0; round < rounds; round++) {
      for (const [name, client] of clients) {
        const index = turn++ % REPLICAS;
        const victim = replicas[index]!;
        const fault = setTimeout(() => victim.worker.stop(signal), FAULT_AFTER_MS);
        const result = await client.run(order);
        clearTimeout(fault);
        results.get(name)!.push(result);
        say(
          `round ${round + 1}/${rounds} ${name.padEnd(12)} ${JSON.stringify(result.failures)} of ${result.offered}`,
        );
        if (signal === "SIGSTOP") victim.worker.stop("SIGCONT");
        else replicas[index] = await Replica.start({ port: victim.ports[0]! });
        // Until all clients have their connection back.
        await Promise.all([...clients.values()].map((each) => each.run({ ...order, durationMs: 1_000 })));
      }
    }
  } finally {
    for (const client of clients.values()) client.worker.stop();
    for (const { worker } of replicas) worker.stop("SIGKILL");
  }
  const worst = (name: string) => Math.max(...results.get(name)!.map(failedOf));
  return ["mesh", "mesh, hedged"].map((name) => {
    const ours = results.get(name)!;
    return againstGrpcJs({
      bench,
      metric: "failed_calls",
      unit: "calls",
      n: rounds,
      offered: ours.reduce((sum, result) => sum + result.offered, 0),
      achieved: ours.reduce((sum, { tookMs }) => sum + tookMs.length, 0),
      ...ratesOf(ours),
      ours: worst(name),
      peer: worst("grpc-js"),
      client: name,
      peer_settings: "round_robin",
      signal,
      replicas: REPLICAS,
      deadline_ms: DEADLINE_MS,
      calls_a_round: ours[0]!.offered,
      failures: ours.map(({ failures }) => failures),
      peer_failures: results.get("grpc-js")!.map(({ failures }) => failures),
    });
  });
}
