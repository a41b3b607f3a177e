import { setTimeout as sleep } from "node:timers/promises";
import { openConsul } from "./consul.ts";
import { CLIENTS, type ClientName, LoadClient } from "./fleet.ts";
import type { ConnectionCounts } from "./idle.ts";
import { failedOf, type LoadOrder, type LoadResult, ratesOf } from "./load.ts";
import { againstGrpcJs, type Line } from "./report.ts";
import { Worker } from "./rounds.ts";

const REPLICAS = 3;
const UPDATES = 5;
/** The peer asks once a second. */
const UPDATE_EVERY_MS = 1_200;

interface Outcome {
  readonly result: LoadResult;
  readonly atFirst: number;
  readonly afterwards: number;
}

/**
 * How many connections are opened when Consul tells five times anew of the same instances, under load. The peer
 * is stock grpc-js with a resolver that asks Consul every second. Both clients at once, each with servers of its
 * own.
 */
export async function identicalUpdates(say: (text: string) => void): Promise<Line> {
  const outcomes = new Map<ClientName, Outcome>();
  await Promise.all(CLIENTS.map(async (name) => outcomes.set(name, await measure(name))));
  for (const [name, { atFirst, afterwards }] of outcomes) {
    say(`${name.padEnd(8)} ${atFirst} connections, ${afterwards} more with ${UPDATES} identical updates`);
  }
  const [ours, peer] = CLIENTS.map((name) => outcomes.get(name)!);
  return againstGrpcJs({
    bench: "discovery",
    metric: "new_connections",
    unit: "connections",
    n: UPDATES,
    offered: ours!.result.offered,
    achieved: ours!.result.tookMs.length,
    ...ratesOf([ours!.result]),
    ours: ours!.afterwards,
    peer: peer!.afterwards,
    peer_settings: "round_robin, a resolver that polls Consul",
    replicas: REPLICAS,
    connections_at_first: ours!.atFirst,
    peer_connections_at_first: peer!.atFirst,
    failed_calls: failedOf(ours!.result),
    peer_failed_calls: failedOf(peer!.result),
  });
}

async function measure(name: ClientName): Promise<Outcome> {
  const consul = await openConsul();
  const servers = Array.from({ length: REPLICAS }, () => new Worker("../peers/idle-server.ts", []));
  const running = [...servers];
  const connected = async () => {
    const counts = await Promise.all(servers.map((server) => server.ask<ConnectionCounts>("count")));
    return counts.reduce((sum, { ever }) => sum + ever, 0);
  };
  try {
    const ports = await Promise.all(servers.map((server) => server.hear<number>()));
    // A note makes another entry of it in Consul, and says nothing to callers.
    const tell = (note: string) =>
      Promise.all(
        ports.map((port, index) => consul.register(`echo-${index}`, "echo", port, { Meta: { note } })),
      );
    await tell("first");
    const client = await LoadClient.start(`load-${name}`, { addresses: [], consulUrl: consul.url });
    running.push(client.worker);
    const order: LoadOrder = { ratePerSecond: 50, durationMs: 2_000, deadlineMs: 5_000 };
    for (let tries = 0; tries < 5 && (await connected()) < REPLICAS; tries++) await client.run(order);
    const atFirst = await connected();
    const load = client.run({ ...order, durationMs: (UPDATES + 1) * UPDATE_EVERY_MS });
    for (let update = 0; update < UPDATES; update++) {
      await sleep(UPDATE_EVERY_MS);
      await tell(`update ${update}`);
    }
    const result = await load;
    return { result, atFirst, afterwards: (await connected()) - atFirst };
  } finally {
    for (const worker of running) worker.stop("SIGKILL");
    await consul.close();
  }
}
