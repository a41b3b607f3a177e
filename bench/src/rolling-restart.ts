import type { BenchOptions } from "./benches.ts";
import { openConsul } from "./consul.ts";
import { LoadClient, Replica, WARM_UP } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult } from "./load.ts";
import { startMeshReplica } from "./mesh-replica.ts";
import { againstGrpcJs, type Line } from "./report.ts";

const REPLICAS = 3;

/** A fleet under load; `restart` ends one replica as a deploy does, and resolves when its successor serves. */
interface Fleet {
  readonly client: LoadClient;
  restart(index: number): Promise<void>;
  stop(): void;
}

/**
 * Failed calls while every replica of a service is restarted, one after the other. The calls must not be
 * sent twice, so that no retry hides a call that was cut off. Ours are found through Consul and get a new
 * port each; the peer's, stock servers that drain by `tryShutdown`, come back where they were.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const order: LoadOrder = { ratePerSecond: quick ? 300 : 1_000, durationMs: 1_000, deadlineMs: 5_000 };
  const passes = quick ? 1 : 12;
  const consul = await openConsul();
  const open = { mesh: () => meshFleet(consul), "grpc-js": stockFleet };
  const results = new Map<string, Result>();
  try {
    for (const [name, openFleet] of Object.entries(open)) {
      const fleet = await openFleet();
      try {
        const result = await restartAll(fleet, order, passes);
        results.set(name, result);
        say(`${name.padEnd(8)} ${result.failed} of ${result.offered} failed in ${result.restarts} restarts`);
      } finally {
        fleet.stop();
      }
    }
  } finally {
    await consul.close();
  }
  const ours = results.get("mesh")!;
  const peer = results.get("grpc-js")!;
  return [
    againstGrpcJs({
      bench: "rolling-restart",
      metric: "failed_calls",
      unit: "calls",
      n: ours.offered,
      offered: ours.offered,
      achieved: ours.offered - ours.failed,
      ours: ours.failed,
      peer: peer.failed,
      peer_settings: "round_robin, tryShutdown",
      replicas: REPLICAS,
      restarts: ours.restarts,
      peer_restarts: peer.restarts,
      rate: order.ratePerSecond,
      idempotent: false,
      failures: ours.failures,
      peer_offered: peer.offered,
      peer_failures: peer.failures,
    }),
  ];
}

interface Result {
  readonly offered: number;
  readonly failed: number;
  readonly restarts: number;
  readonly failures: readonly LoadResult["failures"][];
}

/** Load without a pause until every replica was restarted so many times. */
async function restartAll(fleet: Fleet, order: LoadOrder, passes: number): Promise<Result> {
  await fleet.client.run(WARM_UP);
  let restarts = 0;
  let over = false;
  const restarting = (async () => {
    for (; restarts < passes * REPLICAS; restarts++) await fleet.restart(restarts % REPLICAS);
  })().finally(() => {
    over = true;
  });
  const slices: LoadResult[] = [];
  do slices.push(await fleet.client.run(order));
  while (!over);
  await restarting;
  const failures = slices.map((slice) => slice.failures).filter((one) => Object.keys(one).length > 0);
  const offered = slices.reduce((sum, slice) => sum + slice.offered, 0);
  return { offered, failed: slices.reduce((sum, slice) => sum + failedOf(slice), 0), restarts, failures };
}

async function meshFleet(consul: Awaited<ReturnType<typeof openConsul>>): Promise<Fleet> {
  const start = () => startMeshReplica(consul);
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
  const client = await LoadClient.start("load-mesh", { addresses: [], consulUrl: consul.url, once: true });
  return {
    client,
    async restart(index) {
      replicas[index]!.stop();
      await replicas[index]!.ended();
      replicas[index] = await start();
    },
    stop() {
      for (const worker of [...replicas, client.worker]) worker.stop("SIGKILL");
    },
  };
}

async function stockFleet(): Promise<Fleet> {
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => Replica.start({})));
  const addresses = replicas.flatMap((replica) => replica.addresses);
  const client = await LoadClient.start("load-grpc-js", { addresses, once: true });
  return {
    client,
    async restart(index) {
      const { worker, ports } = replicas[index]!;
      worker.stop();
      await worker.ended();
      replicas[index] = await Replica.start({ port: ports[0]! });
    },
    stop() {
      for (const { worker } of [...replicas, client]) worker.stop("SIGKILL");
    },
  };
}
