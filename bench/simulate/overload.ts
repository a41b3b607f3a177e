import { percentile, round } from "../src/report.ts";
import type { Row, Scenario } from "./scenarios.ts";
import { type Tally, VirtualProcess, type Work } from "./virtual-process.ts";
import { lehmer } from "./world.ts";

const OVERLOAD = 3;
/** A healthy server has something to do: this share of what it could. */
const HEALTHY = 0.5;
const BURST = 8;

type Handler = (random: () => number) => Work;

const computes =
  (cpuMs: number): Handler =>
  () => ({ waitMs: 0, cpuMs });

const HANDLERS: readonly (readonly [name: string, meanCpuMs: number, handler: Handler])[] = [
  ["computes 1 ms", 1, computes(1)],
  ["computes 3 ms", 3, computes(3)],
  ["computes 10 ms", 10, computes(10)],
  ["computes 30 ms", 30, computes(30)],
  ["computes 100 ms", 100, computes(100)],
  ["0.5 to 63 ms, 5 on average", 5, mixed],
  ["waits 20 ms, computes 3", 3, waits(20, 3)],
  ["waits 20 ms, computes 30", 30, waits(20, 30)],
  ["waits 200 ms, computes 10", 10, waits(200, 10)],
];

/** Half of the wait is fixed, half exponential. */
function waits(meanMs: number, cpuMs: number): Handler {
  return (random) => ({ waitMs: meanMs * (0.5 - 0.5 * Math.log(1 - random())), cpuMs });
}

/** Nine of ten take half to 2.5 ms, the tenth 10 to 63. */
function mixed(random: () => number): Work {
  return { waitMs: 0, cpuMs: random() < 0.9 ? 0.5 + 2 * random() : 10 + 53 * random() };
}

const p99 = (values: readonly number[]) => percentile(values, 0.99);

const overload: Scenario = {
  title: "Three times what a server can do",
  question:
    "One process, 60 s at half its peak, then 60 s at three times it, after 3 s in which it finds out.",
  async run() {
    return HANDLERS.map(([name, meanCpuMs, handler]) => {
      const random = lehmer(1);
      const server = new VirtualProcess(random);
      const work = () => handler(random);
      const peakPerSecond = 1_000 / (meanCpuMs + 0.15);
      server.load(peakPerSecond * HEALTHY, work, { forMs: 10_000 });
      const healthy = server.load(peakPerSecond * HEALTHY, work, { forMs: 60_000 });
      const busy = server.load(peakPerSecond * OVERLOAD, work, { settleMs: 3_000, forMs: 60_000 });
      return {
        "a call": name,
        "p99 at half, ms": round(p99(healthy.tookMs)),
        "refused at half, %": round((100 * healthy.refused) / healthy.offered),
        "p99 at 3×, ms": round(p99(busy.tookMs)),
        "p99 ÷ p99 at half": round(p99(busy.tookMs) / p99(healthy.tookMs)),
        "goodput ÷ peak": round(busy.tookMs.length / 60 / peakPerSecond),
      } satisfies Row;
    });
  },
};

const bursts: Scenario = {
  title: "Bursts on a quiet server",
  question: "As browsers make them: eight calls at once, at random moments, for 10 min.",
  async run() {
    return [
      [3, 100],
      [30, 2_000],
      [30, 1_000],
      [30, 500],
      [100, 5_000],
    ].map(([cpuMs = 0, everyMs = 0]) => {
      const random = lehmer(1);
      const server = new VirtualProcess(random);
      const work = () => ({ waitMs: 0, cpuMs });
      const perSecond = (1_000 * BURST) / everyMs;
      const { tookMs, refused, offered } = server.load(perSecond, work, { forMs: 600_000, burst: BURST });
      return {
        "a call computes, ms": cpuMs,
        "a burst every, ms": everyMs,
        "of its peak, %": round(((cpuMs * BURST) / everyMs) * 100),
        "refused, %": round((100 * refused) / offered),
        "p50 ms": round(percentile(tookMs, 0.5)),
        "p99 ms": round(p99(tookMs)),
      } satisfies Row;
    });
  },
};

const others: Scenario = {
  title: "Other work keeps the loop busy",
  question:
    "A job that computes without a pause, in pieces; calls are few and cheap. And a dependency that becomes slow.",
  async run() {
    const busy = [
      { pieceMs: 50, perSecond: 100, waitMs: 0, cpuMs: 1 },
      { pieceMs: 50, perSecond: 300, waitMs: 0, cpuMs: 0.5 },
      { pieceMs: 50, perSecond: 100, waitMs: 20, cpuMs: 0.3 },
      { pieceMs: 20, perSecond: 200, waitMs: 5, cpuMs: 0.3 },
    ].map(({ pieceMs, perSecond, waitMs, cpuMs }) => {
      const random = lehmer(1);
      const server = new VirtualProcess(random);
      const work = () => waits(waitMs, cpuMs)(random);
      server.load(perSecond, work, { forMs: 10_000 });
      server.hog(pieceMs, server.nowMs() + 60_000);
      const result = server.load(perSecond, work, { forMs: 60_000 });
      return row(
        `a job in pieces of ${pieceMs} ms`,
        `${perSecond}/s: waits ${waitMs} ms, computes ${cpuMs}`,
        result,
      );
    });
    const server = new VirtualProcess(lehmer(1));
    const asks = (waitMs: number) => () => ({ waitMs, cpuMs: 0.3 });
    server.load(200, asks(20), { forMs: 10_000 });
    const slow = server.load(200, asks(1_000), { forMs: 60_000 });
    return [...busy, row("a dependency slows down", "200/s: waits 1,000 ms, before 20, computes 0.3", slow)];
  },
};

function row(what: string, calls: string, { offered, refused, tookMs }: Tally): Row {
  return { what, calls, "refused, %": round((100 * refused) / offered), "p99 ms": round(p99(tookMs)) };
}

export const overloadScenarios: readonly Scenario[] = [overload, bursts, others];
