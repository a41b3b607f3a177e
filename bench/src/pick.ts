import { type Algorithm, type BalanceOverrides, Balancer } from "@antiphon/mesh/balance";
import { readyRoundRobin } from "../peers/ready-round-robin.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, median, round } from "./report.ts";

const SIZES = [10, 100, 1_000];
const ALGORITHMS: readonly Algorithm[] = ["p2c", "round_robin", "weighted", "ring_hash"];

/**
 * CPU time of one pick, in this process, among endpoints that are warm and have attempts in flight; against
 * the picker of grpc-js's round robin.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const picks = quick ? 200_000 : 1_000_000;
  const rounds = quick ? 5 : 9;
  const lines: Line[] = [];
  for (const size of SIZES) {
    const peer = await nanoseconds(readyRoundRobin(size), picks, rounds);
    for (const algorithm of ALGORITHMS) {
      const { pick, close } = ourPicks(size, algorithm);
      const ours = await nanoseconds(pick, picks, rounds);
      close();
      say(`${algorithm} among ${size}: ${Math.round(ours)} ns, grpc-js round_robin ${Math.round(peer)} ns`);
      lines.push({
        ...lineOf("pick_ns", "ns", ours, "grpc-js", peer),
        n: picks * rounds,
        offered: picks * rounds,
        achieved: picks * rounds,
        endpoints: size,
        algorithm,
      });
    }
  }
  return lines;
}

const endpointsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `catalog-${index}`,
    host: "127.0.0.1",
    port: index + 1,
    version: "1",
    zone: "a",
    weight: 1,
  }));

function connected(size: number, settings: BalanceOverrides): Balancer {
  const balancer = new Balancer({ settings: { subsetSize: 0, ...settings } });
  balancer.update(endpointsOf(size));
  for (const endpoint of balancer.endpoints) balancer.setLink(endpoint, "ready");
  return balancer;
}

function ourPicks(size: number, algorithm: Algorithm) {
  const hash = algorithm === "ring_hash" ? ({ kind: "header", name: "x" } as const) : undefined;
  const balancer = connected(size, { algorithm, hash });
  const nowMs = performance.now();
  for (const endpoint of balancer.endpoints) {
    for (let count = 0; count < 6; count++) endpoint.end("success", 5, nowMs, endpoint.begin(nowMs));
    endpoint.begin(nowMs);
  }
  const keys = Array.from({ length: 64 }, (_, index) => `listener-${index}`);
  let turn = 0;
  const pick = () => balancer.pick(performance.now(), undefined, keys[turn++ & 63]);
  return { pick, close: () => balancer.close() };
}

/** The median of rounds: what else happens on the machine shall not count. */
async function nanoseconds(pick: () => unknown, picks: number, rounds: number): Promise<number> {
  const results: number[] = [];
  for (let turn = 0; turn <= rounds; turn++) {
    const cpu = process.cpuUsage();
    let picked = 0;
    for (let count = 0; count < picks; count++) if (pick()) picked++;
    const { user, system } = process.cpuUsage(cpu);
    if (picked !== picks) throw new Error(`${picks - picked} picks found nobody`);
    // The first round compiles.
    if (turn > 0) results.push(((user + system) * 1_000) / picks);
    await new Promise(setImmediate);
  }
  return median(results);
}

function lineOf(metric: string, unit: string, ours: number, against: string, peer: number) {
  return {
    bench: "pick",
    metric,
    unit,
    ours: round(ours),
    against,
    peer: round(peer),
    ratio: round(ours / peer),
  };
}
