import { setTimeout as sleep } from "node:timers/promises";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, percentile, round } from "./report.ts";
import { canPin, Worker } from "./rounds.ts";

/** What the generator is told to do: so many calls a second, or so many at a time. */
export type LoadOrder =
  | { readonly perSecond: number; readonly settleMs: number; readonly forMs: number }
  | { readonly concurrency: number; readonly forMs: number };

export interface LoadResult {
  readonly offered: number;
  /** Of the calls that were answered in time. */
  readonly tookMs: readonly number[];
  /** How many calls ended with each gRPC status. */
  readonly codes: Readonly<Record<number, number>>;
}

/** What a server did since it started. */
export interface ServerCounts {
  readonly shed: number;
  readonly cpuMs: number;
}

const SERVERS = ["mesh", "grpc-js"] as const;
type Kind = (typeof SERVERS)[number];
const WORK_MS = 30;
const DEADLINE_MS = 3_000;
const OVERLOAD = 3;
/** A healthy server has something to do: this share of what it could. */
const HEALTHY = 0.5;
/** Enough to keep one core busy at any time. */
const PEAK_CONCURRENCY = 3;
const UNAVAILABLE = 14;

interface Phases {
  readonly peakMs: number;
  readonly healthyMs: number;
  /** From the first call of the overload until it is measured: until the backlog of the onset is gone. */
  readonly settleMs: number;
  readonly overloadMs: number;
}

/** One round against one server. */
interface Measured {
  readonly peakPerSecond: number;
  readonly healthy: LoadResult;
  readonly busy: LoadResult;
  readonly goodputRatio: number;
  /** The same for each second of CPU time that the server got: what others took of its core does not count. */
  readonly goodputPerCpuRatio: number | undefined;
  readonly shed: number;
}

/**
 * A server that is asked for three times what it can do: how much of its peak it still answers within the
 * deadline, and how long the answers take, compared with half its peak. Server and generator have a core
 * each; the work of a call is calibrated in CPU time. Arrivals are random and do not wait for answers; the
 * generator is a stock grpc-js client that sends nothing again.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const phases: Phases = quick
    ? { peakMs: 2_000, healthyMs: 4_000, settleMs: 2_500, overloadMs: 4_000 }
    : { peakMs: 5_000, healthyMs: 15_000, settleMs: 5_000, overloadMs: 15_000 };
  const rounds = quick ? 1 : 4;
  const pinned = canPin();
  say(pinned ? "server on core 0, generator on core 1" : "taskset cannot pin: server and generator share");
  const measured: Record<Kind, Measured[]> = { mesh: [], "grpc-js": [] };
  for (let turn = 0; turn < rounds; turn++) {
    // Fresh ones: what is left of an overload would keep the stock server busy through the next round.
    const rigs = await Promise.all(SERVERS.map((kind) => startRig(kind, pinned)));
    try {
      for (const rig of rigs) {
        const result = await measure(rig, phases);
        measured[rig.kind].push(result);
        say(`round ${turn + 1}/${rounds} ${describe(rig.kind, result)}`);
      }
    } finally {
      for (const { server, generator } of rigs) {
        generator.stop();
        server.stop();
      }
    }
  }
  return lines(measured.mesh, measured["grpc-js"], { rounds, pinned });
}

interface Rig {
  readonly kind: Kind;
  readonly server: Worker;
  readonly generator: Worker;
}

async function startRig(kind: Kind, pinned: boolean): Promise<Rig> {
  const [serverCore, generatorCore] = pinned ? [0, 1] : [];
  const server = new Worker("../peers/overload-server.ts", [kind, String(WORK_MS)], serverCore);
  const args = [String(await server.hear<number>()), String(DEADLINE_MS)];
  const generator = new Worker("../peers/overload-generator.ts", args, generatorCore);
  await generator.hear();
  return { kind, server, generator };
}

async function measure({ kind, server, generator }: Rig, phases: Phases): Promise<Measured> {
  // A stock server in an overload answers nobody for seconds, not even us.
  const counts = async () => (kind === "mesh" ? await server.ask<ServerCounts>("counts") : undefined);
  /** Runs a phase; the server is counted from when it has settled until its last call is made. */
  const load = async (order: LoadOrder) => {
    const running = generator.ask<LoadResult>(order);
    if ("settleMs" in order) await sleep(order.settleMs);
    const before = await counts();
    await sleep(order.forMs);
    const after = await counts();
    const spent = before && after && { shed: after.shed - before.shed, cpuMs: after.cpuMs - before.cpuMs };
    return { result: await running, ...spent };
  };
  const perCpuMs = ({ result, cpuMs }: { result: LoadResult; cpuMs?: number }) =>
    cpuMs === undefined ? 0 : result.tookMs.length / cpuMs;
  // Code that is not compiled yet, and what calls take unloaded, which the mesh has to learn.
  await load({ concurrency: 1, forMs: 1_000 });
  const peak = await load({ concurrency: PEAK_CONCURRENCY, forMs: phases.peakMs });
  const peakPerSecond = (peak.result.tookMs.length / phases.peakMs) * 1_000;
  const perSecond = (share: number) => peakPerSecond * share;
  const healthy = await load({ perSecond: perSecond(HEALTHY), settleMs: 500, forMs: phases.healthyMs });
  const { settleMs, overloadMs } = phases;
  const busy = await load({ perSecond: perSecond(OVERLOAD), settleMs, forMs: overloadMs });
  return {
    peakPerSecond,
    healthy: healthy.result,
    busy: busy.result,
    goodputRatio: ((busy.result.tookMs.length / overloadMs) * 1_000) / peakPerSecond,
    goodputPerCpuRatio: kind === "mesh" ? perCpuMs(busy) / perCpuMs(peak) : undefined,
    shed: busy.shed ?? 0,
  };
}

function describe(kind: Kind, { peakPerSecond, healthy, busy, ...measured }: Measured): string {
  const p99 = ({ tookMs }: LoadResult) =>
    tookMs.length > 0 ? `${percentile(tookMs, 0.99).toFixed(0)} ms` : "-";
  const percent = (ratio: number) => `${(ratio * 100).toFixed(0)} %`;
  const { goodputRatio, goodputPerCpuRatio, shed } = measured;
  const perCpu = goodputPerCpuRatio === undefined ? "" : `, ${percent(goodputPerCpuRatio)} a CPU second`;
  return (
    `${kind.padEnd(8)} peak ${peakPerSecond.toFixed(1)}/s, p99 at half of it ${p99(healthy)}; ` +
    `at ${OVERLOAD}× ${percent(goodputRatio)} of it${perCpu}, p99 ${p99(busy)}, ` +
    `offered ${busy.offered}, answered ${busy.tookMs.length}, shed ${shed}`
  );
}

function lines(
  ours: readonly Measured[],
  peers: readonly Measured[],
  settings: { readonly rounds: number; readonly pinned: boolean },
): Line[] {
  const goodput = (of: readonly Measured[]) => median(of.map(({ goodputRatio }) => goodputRatio));
  const perCpu = median(ours.map(({ goodputPerCpuRatio = 0 }) => goodputPerCpuRatio));
  const pooled = (of: readonly Measured[], phase: "healthy" | "busy") =>
    of.flatMap((one) => one[phase].tookMs);
  const p99 = (of: readonly Measured[], phase: "healthy" | "busy") => {
    const tookMs = pooled(of, phase);
    // Where nobody was answered they all waited until their deadline, and would have waited longer.
    return tookMs.length > 0 ? percentile(tookMs, 0.99) : DEADLINE_MS;
  };
  const overHealthy = (of: readonly Measured[]) => p99(of, "busy") / p99(of, "healthy");
  const sum = (of: readonly Measured[], value: (one: Measured) => number) =>
    of.reduce((total, one) => total + value(one), 0);
  const achieved = sum(ours, ({ busy }) => busy.tookMs.length);
  const line = (metric: string, unit: string, of: (measured: readonly Measured[]) => number): Line => ({
    bench: "overload",
    metric,
    unit,
    n: achieved,
    offered: sum(ours, ({ busy }) => busy.offered),
    achieved,
    ours: round(of(ours)),
    against: "grpc-js",
    peer: round(of(peers)),
    ratio: round(of(ours) / Math.max(of(peers), 0.001)),
    shed: sum(ours, ({ shed }) => shed),
    goodput_per_cpu_ratio: round(perCpu),
    refused_seen: sum(ours, ({ busy }) => busy.codes[UNAVAILABLE] ?? 0),
    peak_per_second: round(median(ours.map(({ peakPerSecond }) => peakPerSecond))),
    p99_ms: round(p99(ours, "busy")),
    healthy_p99_ms: round(p99(ours, "healthy")),
    peer_achieved: sum(peers, ({ busy }) => busy.tookMs.length),
    peer_p99_ms: round(p99(peers, "busy")),
    work_ms: WORK_MS,
    deadline_ms: DEADLINE_MS,
    overload: OVERLOAD,
    healthy_load: HEALTHY,
    ...settings,
  });
  return [line("goodput_ratio", "of peak", goodput), line("p99_over_healthy", "×", overHealthy)];
}
