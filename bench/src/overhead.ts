import { clientLayers } from "@antiphon/mesh";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, round } from "./report.ts";
import { type Round, type RoundOrder, Worker } from "./rounds.ts";

const CONCURRENCY = 64;
/** Listeners of the one server, so that the mesh has endpoints to choose from. */
const ENDPOINTS = 3;
/** Until the hot functions are compiled. */
const WARM_UP_MS = 2_500;
const CLIENTS = ["mesh", "grpc-js", "http2"] as const;

/**
 * CPU time of a client process for each unary call of about 100 bytes, 64 in flight, against one grpc-js
 * server in a process of its own. The clients take turns; the figure is the median of the rounds.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  // Many short rounds, so that what else happens on the machine hits all clients alike.
  const rounds = quick ? 8 : 20;
  const order: RoundOrder = { durationMs: quick ? 1_000 : 2_000, concurrency: CONCURRENCY };
  const layers = clientLayers.filter(({ isOptional }) => !isOptional).map(({ name }) => name);
  say(
    `mesh: ${layers.join(" > ")}; p2c peak-ewma over ${ENDPOINTS} endpoints, opossum breakers, prom-client`,
  );

  const server = new Worker("../peers/echo-server.ts", [String(ENDPOINTS)]);
  const ports = await server.hear<number[]>();
  const measured = new Map<string, Round[]>();
  const workers = new Map<string, Worker>();
  let served = 0;
  try {
    for (const client of CLIENTS) {
      const worker = new Worker(`../peers/${client}.ts`, ports.map(String));
      workers.set(client, worker);
      measured.set(client, []);
      await worker.hear();
      await worker.ask<Round>({ ...order, durationMs: WARM_UP_MS });
    }
    for (let turn = 0; turn < rounds; turn++) {
      for (const [client, worker] of workers) {
        const before = await server.ask<number>("count");
        const result = await worker.ask<Round>(order);
        if (client === "mesh") served += (await server.ask<number>("count")) - before;
        measured.get(client)!.push(result);
        say(`round ${turn + 1}/${rounds} ${client.padEnd(8)} ${perCall(result).toFixed(1)} us a call`);
      }
    }
  } finally {
    for (const worker of [...workers.values(), server]) worker.stop();
  }

  const ours = measured.get("mesh")!;
  const calls = sum(ours, (result) => result.calls);
  const errors = sum(ours, (result) => result.errors);
  return CLIENTS.slice(1).map((client) => {
    const us = median(ours.map(perCall));
    const them = median(measured.get(client)!.map(perCall));
    return {
      bench: "overhead",
      metric: "cpu_us_per_call",
      unit: "us",
      n: calls,
      offered: calls + errors,
      achieved: calls,
      ours: round(us),
      against: client,
      peer: round(them),
      ratio: round(us / them),
      rounds,
      concurrency: CONCURRENCY,
      endpoints: ENDPOINTS,
      layers,
      server_calls: served,
      calls_per_second: round(calls / (sum(ours, (result) => result.elapsedMs) / 1_000)),
    };
  });
}

function perCall(result: Round): number {
  return result.cpuUs / result.calls;
}

function sum(results: readonly Round[], of: (result: Round) => number): number {
  return results.reduce((total, result) => total + of(result), 0);
}
