import { setTimeout as sleep } from "node:timers/promises";
import type { BenchOptions } from "./benches.ts";
import { CLIENTS, type ClientName } from "./fleet.ts";
import { type Line, round } from "./report.ts";
import { Worker } from "./rounds.ts";

const ENDPOINTS = 1_000;
const SERVERS = 2;
const CONNECT_MS = 30_000;
const TARGETS = { idle_core_share: 0.01, idle_rss_mb: 30 } as const;

/** What a client process is told: to connect, and then for how long to take its CPU time. */
export type IdleOrder = { readonly addresses: readonly string[] } | { readonly watchMs: number };

/** What it measured of itself. */
export interface IdleResult {
  readonly cpuMs: number;
  readonly watchedMs: number;
  /** More than it held with one endpoint; after a collection of garbage. */
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Calls that were answered after that. */
  readonly answered: number;
}

/** What a server of it tells. */
export interface ConnectionCounts {
  readonly open: number;
  readonly ever: number;
}

/** With how many connections the servers counted at the end. */
type Counted = IdleResult & { readonly connected: number };

/**
 * What a thousand endpoints cost a client that calls none of them: CPU time, with its keepalive and with gauges
 * that are read every five seconds, and memory. Both clients at once: neither needs the CPU. Each has an address of its own in 127.0.0.0/8 and a real connection;
 * two processes serve them all.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  // Peers that are silent are pinged from the 32nd second on.
  const watchMs = quick ? 34_000 : 120_000;
  const results = await Promise.all(
    CLIENTS.map(async (name) => {
      const result = await measure(name, watchMs);
      say(`${name.padEnd(8)} ${JSON.stringify(result)}`);
      return result;
    }),
  );
  const [ours, peer] = results;
  const coreShare = ({ cpuMs, watchedMs }: IdleResult) => cpuMs / watchedMs;
  const rssMb = ({ rssBytes }: IdleResult) => rssBytes / 2 ** 20;
  const line = (metric: keyof typeof TARGETS, unit: string, of: (result: IdleResult) => number): Line => ({
    bench: "idle",
    metric,
    unit,
    n: ours!.connected,
    offered: ENDPOINTS,
    achieved: ours!.connected,
    ours: round(of(ours!)),
    against: "grpc-js",
    peer: round(of(peer!)),
    ratio: round(of(ours!) / of(peer!)),
    peer_settings: "round_robin",
    target: TARGETS[metric],
    peer_connected: peer!.connected,
    heap_mb: round(ours!.heapBytes / 2 ** 20),
    peer_heap_mb: round(peer!.heapBytes / 2 ** 20),
    answered: ours!.answered,
    watched_ms: Math.round(ours!.watchedMs),
  });
  return [line("idle_core_share", "cores", coreShare), line("idle_rss_mb", "MB", rssMb)];
}

async function measure(name: ClientName, watchMs: number): Promise<Counted> {
  const servers = Array.from({ length: SERVERS }, () => new Worker("../peers/idle-server.ts", []));
  const client = new Worker(`../peers/idle-${name}.ts`, []);
  const connected = async () => {
    const counts = await Promise.all(servers.map((server) => server.ask<ConnectionCounts>("count")));
    return counts.reduce((sum, { open }) => sum + open, 0);
  };
  try {
    const ready = client.hear();
    const ports = await Promise.all(servers.map((server) => server.hear<number>()));
    await ready;
    client.tell({ addresses: addressesOf(ports) } satisfies IdleOrder);
    const giveUpAtMs = performance.now() + CONNECT_MS;
    // The first was connected before, too.
    while ((await connected()) <= ENDPOINTS && performance.now() < giveUpAtMs) await sleep(100);
    const result = await client.ask<IdleResult>({ watchMs } satisfies IdleOrder);
    return { ...result, connected: (await connected()) - 1 };
  } finally {
    for (const worker of [client, ...servers]) worker.stop("SIGKILL");
  }
}

function addressesOf(ports: readonly number[]): string[] {
  return Array.from({ length: ENDPOINTS }, (_, index) => {
    const [high, low] = [Math.floor(index / 250), (index % 250) + 1];
    return `127.1.${high}.${low}:${ports[index % ports.length]}`;
  });
}
