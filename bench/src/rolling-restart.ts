import type { BenchOptions } from "./benches.ts";
import { openConsul } from "./consul.ts";
import { LoadClient, Replica, WARM_UP } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult, ratesOf } from "./load.ts";
import { startMeshReplica } from "./mesh-replica.ts";
import { againstGrpcJs, type Line, round } from "./report.ts";
import type { Worker } from "./rounds.ts";

const REPLICAS = 3;
const STREAMS = 12;
/** What streams that do not end by themselves have. */
const DRAIN_MS = 2_000;

interface Extent {
  /** How often each replica is restarted, at most. */
  readonly passes: number;
  /** After so many calls it is enough, once each was restarted; and after so long. */
  readonly calls: number;
  readonly longestMs: number;
}

/** A fleet under load. */
interface Fleet {
  readonly client: LoadClient;
  /** Ends one replica as a deploy does; resolves when its successor serves, with how long the old one took to go. */
  restart(index: number): Promise<number>;
  stop(): void;
}

/**
 * Failed calls while every replica of a service is restarted, one after the other. The calls must not be
 * sent twice, so that no retry hides a call that was cut off. Ours are found through Consul, get a new port each,
 * and have streams open that would never end: a replica must be gone soon after its drain. The peer's, stock
 * servers that drain by `tryShutdown`, come back where they were; with streams they would not go at all.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const order: LoadOrder = { ratePerSecond: quick ? 300 : 1_000, durationMs: 1_000, deadlineMs: 5_000 };
  const extent: Extent = quick
    ? { passes: 1, calls: 0, longestMs: 15_000 }
    : { passes: 100, calls: 100_000, longestMs: 170_000 };
  const consul = await openConsul();
  const open = { mesh: () => meshFleet(consul), "grpc-js": stockFleet };
  const results = new Map<string, Result>();
  try {
    for (const [name, openFleet] of Object.entries(open)) {
      const fleet = await openFleet();
      try {
        const result = await restartAll(fleet, order, extent);
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
      ...ratesOf(ours.slices),
      streams: STREAMS,
      streams_ended: ours.slices.at(-1)!.streamsEnded,
      drain_ms: DRAIN_MS,
      longest_exit_ms: round(ours.longestExitMs),
      peer_restarts: peer.restarts,
      idempotent: false,
      failures: ours.failures,
      first_failures: ours.slices.flatMap(({ firstFailures }) => firstFailures).slice(0, 5),
      peer_offered: peer.offered,
      peer_failures: peer.failures,
    }),
  ];
}

interface Result {
  readonly offered: number;
  readonly failed: number;
  readonly restarts: number;
  readonly longestExitMs: number;
  readonly slices: readonly LoadResult[];
  readonly failures: readonly LoadResult["failures"][];
}

/** Load without a pause while replicas are restarted, one after the other. */
async function restartAll(fleet: Fleet, order: LoadOrder, extent: Extent): Promise<Result> {
  await fleet.client.run(WARM_UP);
  const slices: LoadResult[] = [];
  const offered = () => slices.reduce((sum, slice) => sum + slice.offered, 0);
  const startedAtMs = performance.now();
  const isEnough = (restarts: number) =>
    (restarts >= REPLICAS && offered() >= extent.calls) || performance.now() - startedAtMs > extent.longestMs;
  let restarts = 0;
  let longestExitMs = 0;
  let over = false;
  const restarting = (async () => {
    for (; restarts < extent.passes * REPLICAS && !isEnough(restarts); restarts++) {
      longestExitMs = Math.max(longestExitMs, await fleet.restart(restarts % REPLICAS));
    }
  })().finally(() => {
    over = true;
  });
  do slices.push(await fleet.client.run(order));
  while (!over);
  await restarting;
  const failures = slices.map((slice) => slice.failures).filter((one) => Object.keys(one).length > 0);
  const failed = slices.reduce((sum, slice) => sum + failedOf(slice), 0);
  return { offered: offered(), failed, restarts, longestExitMs, slices, failures };
}

async function end(worker: Worker): Promise<number> {
  const startedAtMs = performance.now();
  worker.stop();
  await worker.ended();
  return performance.now() - startedAtMs;
}

async function meshFleet(consul: Awaited<ReturnType<typeof openConsul>>): Promise<Fleet> {
  const start = () => startMeshReplica(consul, { ANTIPHON_DRAIN_MS: String(DRAIN_MS) });
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, start));
  const settings = { addresses: [], consulUrl: consul.url, once: true, streams: STREAMS };
  const client = await LoadClient.start("load-mesh", settings);
  return {
    client,
    async restart(index) {
      const exitMs = await end(replicas[index]!);
      replicas[index] = await start();
      return exitMs;
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
      const exitMs = await end(worker);
      replicas[index] = await Replica.start({ port: ports[0]! });
      return exitMs;
    },
    stop() {
      for (const { worker } of [...replicas, client]) worker.stop("SIGKILL");
    },
  };
}
