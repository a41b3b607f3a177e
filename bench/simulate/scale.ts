import { subsetOf } from "@antiphon/mesh/balance";
import { percentile, round } from "../src/report.ts";
import type { Row, Scenario } from "./scenarios.ts";
import { VirtualCaller, World } from "./world.ts";

const SECONDS = 20;
const CALLS = 400_000;

/** Callers and endpoints, with what stays of each pair small enough for one process. */
const SIZES: readonly (readonly [callers: number, endpoints: number, subsetSize?: number])[] = [
  [10, 10],
  [10, 100],
  [100, 100],
  [10, 1_000],
  [100, 1_000],
  [1_000, 1_000],
  [10, 10_000],
  [100, 10_000],
  [1_000, 10_000],
  [10_000, 10],
  [10_000, 10_000, 20],
];

const scale: Scenario = {
  title: "Ten to ten thousand",
  question: `${CALLS} calls in ${SECONDS} s of virtual time, the default settings.`,
  async run() {
    const rows: Row[] = [];
    for (const [callers, endpoints, subsetSize = 100] of SIZES) {
      const world = new World(endpoints);
      // Each server is busy to the same part, whatever their number.
      const meanMs = 0.4 * ((16 * endpoints) / (CALLS / (SECONDS * 1_000)));
      for (const server of world.servers) server.meanMs = Math.min(200, meanMs);
      const everybody = Array.from(
        { length: callers },
        (_, id) => new VirtualCaller(world, id, { settings: { slowStartMs: 0 }, knows: subsetSize }),
      );
      const cpu = process.cpuUsage();
      world.often(CALLS / SECONDS, SECONDS * 1_000, () => {
        everybody[Math.floor(world.random() * callers)]!.call();
      });
      await world.run(SECONDS * 1_000 + 2_000);
      const { user } = process.cpuUsage(cpu);
      const latencies = everybody.flatMap((caller) => caller.latenciesMs);
      const loads = world.servers.map(({ calls }) => calls);
      const used = loads.filter((calls) => calls > 0);
      rows.push({
        callers,
        endpoints,
        subset: Math.min(subsetSize, endpoints),
        "p99 ÷ mean": round(
          percentile(latencies, 0.99) / (latencies.reduce((a, b) => a + b, 0) / latencies.length),
        ),
        "most loaded ÷ mean": round(Math.max(...loads) / (CALLS / endpoints)),
        "endpoints used, %": round((used.length / endpoints) * 100),
        "cpu µs a call": round(user / latencies.length),
      });
      for (const caller of everybody) caller.close();
    }
    return rows;
  },
};

const subsets: Scenario = {
  title: "Subsets",
  question: "How evenly 1,000 callers spread over a fleet, and what one endpoint that goes changes.",
  async run() {
    const rows: Row[] = [];
    for (const [endpoints, size] of [
      [1_000, 20],
      [1_000, 50],
      [1_000, 100],
      [10_000, 100],
    ] as const) {
      const fleet = new Map(Array.from({ length: endpoints }, (_, index) => [`server-${index}`, index]));
      const smaller = new Map([...fleet].slice(1));
      const callers = new Array<number>(endpoints).fill(0);
      let moved = 0;
      for (let id = 0; id < 1_000; id++) {
        const chosen = subsetOf(fleet, size, `caller-${id}`);
        for (const index of chosen.values()) callers[index]!++;
        if (id < 100)
          for (const key of subsetOf(smaller, size, `caller-${id}`).keys()) if (!chosen.has(key)) moved++;
      }
      const mean = (1_000 * size) / endpoints;
      rows.push({
        endpoints,
        "subset size": size,
        "callers an endpoint": mean,
        "most ÷ mean": round(Math.max(...callers) / mean),
        "least ÷ mean": round(Math.min(...callers) / mean),
        "new connections a caller when one goes": moved / 100,
      });
    }
    return rows;
  },
};

export const scaleScenarios: readonly Scenario[] = [scale, subsets];
