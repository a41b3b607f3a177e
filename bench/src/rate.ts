import { median } from "./report.ts";

/** How fast something went, and what it cost this process. */
export interface Rate {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** Does `count` things, and says how fast. */
export async function rateOf(count: number, work: () => Promise<unknown>): Promise<Rate> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}

/** The middle of several rounds, each figure for itself. */
export function middleOf(rates: readonly Rate[]): Rate {
  return {
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    cpuUs: median(rates.map(({ cpuUs }) => cpuUs)),
  };
}
