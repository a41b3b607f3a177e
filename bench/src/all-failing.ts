import { Code } from "@connectrpc/connect";
import type { BenchOptions } from "./benches.ts";
import { LoadClient, Replica } from "./fleet.ts";
import { failedOf, type LoadOrder, type LoadResult } from "./load.ts";
import { againstGrpcJs, type Line, round } from "./report.ts";

const REPLICAS = 4;
const service = { service: "antiphon.mesh.v1.EchoService" };
const backoff = { initialBackoff: "0.025s", maxBackoff: "1s", backoffMultiplier: 2 };
const retryableStatusCodes = ["UNAVAILABLE"];

/** Stock grpc-js as its own documentation configures it. */
const PEERS = {
  retry_policy: {
    methodConfig: [{ name: [service], retryPolicy: { maxAttempts: 5, ...backoff, retryableStatusCodes } }],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
  },
  hedging_policy: {
    methodConfig: [
      {
        name: [service],
        hedgingPolicy: { maxAttempts: 5, hedgingDelay: "0.010s", nonFatalStatusCodes: retryableStatusCodes },
      },
    ],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
  },
};

/**
 * How many requests reach the servers for each idempotent call while every one of them answers
 * `unavailable`: what retries and hedges together add to an outage.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 5;
  const order: LoadOrder = { ratePerSecond: 200, durationMs: quick ? 4_000 : 10_000, deadlineMs: 2_000 };
  const replica = await Replica.start(
    ...Array.from({ length: REPLICAS }, () => ({ failCode: Code.Unavailable })),
  );
  const { addresses } = replica;
  const clients = new Map<string, LoadClient>();
  const totals = new Map<string, { calls: number; sent: number; failed: number; elapsedMs: number }>();
  const requests = async () => (await replica.calls()).reduce((sum, count) => sum + count, 0);
  try {
    clients.set("mesh", await LoadClient.start("load-mesh", { addresses }));
    for (const [name, settings] of Object.entries(PEERS)) {
      clients.set(name, await LoadClient.start("load-grpc-js", { addresses, ...settings }));
    }
    for (let turn = 0; turn < rounds; turn++) {
      for (const [name, client] of clients) {
        const before = await requests();
        const result: LoadResult = await client.run(order);
        const sent = (await requests()) - before;
        const total = totals.get(name) ?? { calls: 0, sent: 0, failed: 0, elapsedMs: 0 };
        total.calls += result.offered;
        total.sent += sent;
        total.failed += failedOf(result);
        total.elapsedMs += result.elapsedMs;
        totals.set(name, total);
        say(`round ${turn + 1}/${rounds} ${name.padEnd(14)} ${sent} requests for ${result.offered} calls`);
      }
    }
  } finally {
    for (const { worker } of [replica, ...clients.values()]) worker.stop("SIGKILL");
  }
  const ours = totals.get("mesh")!;
  return Object.keys(PEERS).map((name) => {
    const peer = totals.get(name)!;
    return againstGrpcJs({
      bench: "all-failing",
      metric: "amplification",
      unit: "x",
      n: ours.calls,
      offered: ours.calls,
      // Nobody can do better than to be told so.
      achieved: ours.failed,
      offered_rate: round((1_000 * ours.calls) / ours.elapsedMs),
      achieved_rate: round((1_000 * ours.failed) / ours.elapsedMs),
      ours: ours.sent / ours.calls,
      peer: peer.sent / peer.calls,
      peer_settings: name,
      rounds,
      replicas: REPLICAS,
      requests: ours.sent,
      peer_requests: peer.sent,
    });
  });
}
