import { clientLayers } from "@antiphon/mesh";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, round } from "./report.ts";
import { type Round, type RoundOrder, Worker } from "./rounds.ts";

const CONCURRENCY = 64;
/** Listeners of the one server, so that the mesh has endpoints to choose from. */
const ENDPOINTS = 3;
/** The program in `bench/peers` that each client runs, and how many of the server's listeners it is told of. */
const CLIENTS = {
  mesh: { program: "mesh", endpoints: ENDPOINTS },
  "mesh over 1": { program: "mesh", endpoints: 1 },
  "drop-in": { program: "drop-in", endpoints: 1 },
  "drop-in over 3": { program: "drop-in", endpoints: ENDPOINTS },
  "grpc-js": { program: "grpc-js", endpoints: 1 },
  "round-robin": { program: "round-robin", endpoints: ENDPOINTS },
  http2: { program: "http2", endpoints: 1 },
} as const;
type ClientName = keyof typeof CLIENTS;
type Entries = [ClientName, (typeof CLIENTS)[ClientName]][];

/** What grpc-js lets a resolver and a policy do. */
const DROP_IN_LAYERS = ["discovery", "policy", "retry", "pick", "endpoint state", "keepalive"];
const MESH_LAYERS = clientLayers.filter(({ isOptional }) => !isOptional).map(({ name }) => name);
const LAYERS: Partial<Record<ClientName, readonly string[]>> = {
  mesh: MESH_LAYERS,
  "mesh over 1": MESH_LAYERS,
  "drop-in": DROP_IN_LAYERS,
  "drop-in over 3": DROP_IN_LAYERS,
};

/** Who is compared with whom, and how many times its CPU time it may take. */
const PAIRS: readonly { ours: ClientName; peer: ClientName; target: number }[] = [
  { ours: "mesh", peer: "grpc-js", target: 0.6 },
  { ours: "mesh", peer: "http2", target: 1.6 },
  // Like with like: one connection each, and one to each of three endpoints each.
  { ours: "mesh over 1", peer: "grpc-js", target: 0.6 },
  { ours: "mesh", peer: "round-robin", target: 0.6 },
  { ours: "drop-in", peer: "grpc-js", target: 1.15 },
  { ours: "drop-in over 3", peer: "round-robin", target: 1.15 },
];

/** What a client did in all rounds of all its processes. */
interface Measured {
  readonly rounds: Round[];
  /** What the server counted meanwhile. */
  served: number;
}

/**
 * CPU time of a client process for each unary call of about 100 bytes, 64 in flight, against one grpc-js
 * server in a process of its own: of the mesh's client with everything on, and of a grpc-js client that found
 * the mesh by its target. The clients take turns; the figure is the median of the rounds. One process of the
 * same code takes up to 15 % more than the next, by the luck of its compiler: in full, every client has three
 * processes, each group with a server of its own.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const processes = quick ? 1 : 3;
  // Many short rounds, so that what else happens on the machine hits all clients alike.
  const rounds = quick ? 5 : 8;
  const order: RoundOrder = { durationMs: quick ? 600 : 1_000, concurrency: CONCURRENCY };
  // Until all that is hot has been compiled, which takes some 8 s of calls; in a quick run nobody is there yet.
  const warmUp: RoundOrder = { durationMs: quick ? 2_000 : 8_000, concurrency: CONCURRENCY };
  for (const [client, layers] of Object.entries(LAYERS)) say(`${client}: ${layers.join(" > ")}`);
  say("both: p2c peak-ewma, opossum breakers; mesh: prom-client");

  const measured = new Map<ClientName, Measured>();
  for (const client of Object.keys(CLIENTS) as ClientName[]) measured.set(client, { rounds: [], served: 0 });
  for (let group = 1; group <= processes; group++) {
    const plan = {
      rounds,
      order,
      warmUp,
      say: (text: string) => say(`process ${group}/${processes} ${text}`),
    };
    await measureGroup(measured, plan);
  }

  return PAIRS.map(({ ours, peer, target }) => {
    const { rounds: results, served } = measured.get(ours)!;
    const us = median(results.map(perCall));
    const them = median(measured.get(peer)!.rounds.map(perCall));
    const calls = sum(results, (result) => result.calls);
    return {
      bench: "overhead",
      metric: "cpu_us_per_call",
      unit: "us",
      n: calls,
      offered: calls + sum(results, (result) => result.errors),
      achieved: calls,
      ours: round(us),
      against: peer,
      peer: round(them),
      ratio: round(us / them),
      target_ratio: target,
      client: ours,
      processes,
      rounds: results.length,
      concurrency: CONCURRENCY,
      endpoints: CLIENTS[ours].endpoints,
      layers: LAYERS[ours],
      server_calls: served,
      calls_per_second: round(calls / (sum(results, (result) => result.elapsedMs) / 1_000)),
    };
  });
}

interface Plan {
  /** Of each client. */
  readonly rounds: number;
  readonly order: RoundOrder;
  readonly warmUp: RoundOrder;
  readonly say: (text: string) => void;
}

/** One process of each client, which take turns. */
async function measureGroup(
  measured: ReadonlyMap<ClientName, Measured>,
  { rounds, order, warmUp, say }: Plan,
): Promise<void> {
  const server = new Worker("../peers/echo-server.ts", [String(ENDPOINTS)]);
  const workers = new Map<ClientName, Worker>();
  try {
    const ports = await server.hear<number[]>();
    for (const [client, { program, endpoints }] of Object.entries(CLIENTS) as Entries) {
      const worker = new Worker(`../peers/${program}.ts`, ports.slice(0, endpoints).map(String));
      workers.set(client, worker);
      await worker.hear();
      await worker.ask<Round>(warmUp);
    }
    for (let turn = 1; turn <= rounds; turn++) {
      for (const [client, worker] of workers) {
        const of = measured.get(client)!;
        const before = await server.ask<number>("count");
        const result = await worker.ask<Round>(order);
        of.rounds.push(result);
        of.served += (await server.ask<number>("count")) - before;
        say(`round ${turn}/${rounds} ${client.padEnd(14)} ${perCall(result).toFixed(1)} us a call`);
      }
    }
  } finally {
    for (const worker of [...workers.values(), server]) worker.stop();
  }
}

function perCall(result: Round): number {
  return result.cpuUs / result.calls;
}

function sum(results: readonly Round[], of: (result: Round) => number): number {
  return results.reduce((total, result) => total + of(result), 0);
}
