import { setTimeout as sleep } from "node:timers/promises";
import { startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { callReview, reviews } from "../../gateway/testing/reviews.ts";
import type { BenchOptions } from "./benches.ts";
import { openConsul } from "./consul.ts";
import { type Line, percentile, round } from "./report.ts";
import { Worker } from "./rounds.ts";

const RELOADS = 100;
const CALLERS = 2;

interface Side {
  /** From a new call's registration to its first answer. */
  readonly tookMs: number[];
  readonly calls: { answered: number; dropped: number };
}

/**
 * The gateway takes a hundred new versions of a service that it was not built with, each with another call,
 * out of Consul while calls run; the peer, connect-node, is started again for each of its own.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const ours = await reloads(say);
  const restarts = quick ? 10 : 30;
  const peer = await restartsOfPeer(restarts, say);
  const shared = {
    bench: "reload",
    against: "connect-node",
    offered: ours.calls.answered + ours.calls.dropped,
  };
  const proof = {
    achieved: ours.calls.answered,
    reloads: RELOADS,
    peer_restarts: restarts,
    peer_answered: peer.calls.answered,
  };
  const p99 = { ours: percentile(ours.tookMs, 0.99), peer: percentile(peer.tookMs, 0.99) };
  const dropped = { ours: ours.calls.dropped / RELOADS, peer: peer.calls.dropped / restarts };
  return [
    line({ ...shared, ...proof, metric: "callable_p99_ms", unit: "ms", n: RELOADS, ...p99 }),
    line({ ...shared, ...proof, metric: "dropped_calls_per_reload", unit: "calls", n: RELOADS, ...dropped }),
  ];
}

function line(values: Omit<Line, "ratio">): Line {
  const { ours, peer } = values as { ours: number; peer: number };
  return { ...values, ours: round(ours), peer: round(peer), ratio: round(ours / (peer || 1)) } as Line;
}

async function reloads(say: BenchOptions["say"]): Promise<Side> {
  const consul = await openConsul();
  const mesh = await startMesh();
  const settings = {
    ANTIPHON_CONSUL_URL: consul.url,
    ANTIPHON_MEDIA_KEY: "a media key for benches, long enough to be one",
    ANTIPHON_LOG_LEVEL: "silent",
  };
  const gateway = new Worker("../peers/reload/gateway.ts", [JSON.stringify(settings)]);
  try {
    const url = `http://127.0.0.1:${await gateway.hear<number>()}`;
    const arrive = (version: number) => arriveInConsul(mesh, consul, version);
    const running = [await arrive(0)];
    await answers(url, 0);
    const load = startLoad(url);
    const tookMs: number[] = [];
    for (let version = 1; version <= RELOADS; version++) {
      running.push(await arrive(version));
      const arrivedAtMs = performance.now();
      await answers(url, version);
      tookMs.push(performance.now() - arrivedAtMs);
      // The one before leaves Consul now, and ends when the gateway has heard of it.
      await running.at(-2)!.leave();
      if (version > 1) await running.at(-3)!.end();
      if (version % 25 === 0) say(`${version}/${RELOADS} reloads`);
    }
    return { tookMs, calls: await load.stop() };
  } finally {
    gateway.stop("SIGKILL");
    await mesh.stop();
    await consul.close();
  }
}

async function arriveInConsul(
  mesh: TestMesh,
  consul: Awaited<ReturnType<typeof openConsul>>,
  number: number,
) {
  const version = String(number);
  const [instance] = await mesh.add({ name: "reviews", served: reviews(`Rate${number}`), version });
  const { id, port, contract = "" } = instance!.registration;
  await consul.register(id, "reviews", port, {
    Tags: ["grpc-reflection"],
    Meta: { version, contract },
  });
  return { leave: () => consul.deregister(id), end: () => instance!.stop() };
}

async function restartsOfPeer(restarts: number, say: BenchOptions["say"]): Promise<Side> {
  let port = 0;
  const start = async (version: number) => {
    const server = new Worker("../peers/reload/connect-node.ts", [String(port), `Rate${version}`]);
    port = await server.hear<number>();
    return server;
  };
  let server = await start(0);
  const url = `http://127.0.0.1:${port}`;
  try {
    const load = startLoad(url);
    const tookMs: number[] = [];
    for (let version = 1; version <= restarts; version++) {
      const arrivedAtMs = performance.now();
      server.stop();
      await server.ended();
      server = await start(version);
      await answers(url, version);
      tookMs.push(performance.now() - arrivedAtMs);
    }
    say(`${restarts} restarts of connect-node`);
    return { tookMs, calls: await load.stop() };
  } finally {
    server.stop("SIGKILL");
  }
}

function answers(url: string, version: number): Promise<boolean> {
  return until(async () => (await callReview(url, `Rate${version}`)) === 200);
}

/** Calls without end; one that fails comes again a little later. */
function startLoad(url: string) {
  const calls = { answered: 0, dropped: 0 };
  let over = false;
  const caller = async () => {
    while (!over) {
      if ((await callReview(url, "GetReview").catch(() => 0)) === 200) calls.answered++;
      else {
        calls.dropped++;
        await sleep(10);
      }
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  return {
    async stop() {
      over = true;
      await Promise.all(callers);
      return calls;
    },
  };
}
