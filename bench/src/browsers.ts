import type { BenchOptions } from "./benches.ts";
import { openEdgeBed } from "./edge-bed.ts";
import { type Line, percentile, round } from "./report.ts";

const STREAMS = 500;
const CALLERS = 500;
/** What is asked of the gateway. */
const TARGETS = { p99Ms: 150, rssMb: 400 };

/**
 * A thousand browsers' connections on one gateway: half of them hold a stream on which something comes once a
 * second, half call once a second. Gateway, service, Consul and browsers share the machine.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const durationMs = quick ? 15_000 : 60_000;
  const bed = await openEdgeBed({ gateways: 1, instances: 1 });
  try {
    const caller = { method: "GetReview", textBytes: 300, browsers: CALLERS, deadlineMs: 10_000 };
    // Connections are made and code is compiled.
    await bed.browse({ calls: [{ ...caller, perSecond: 200 }], streams: 0, durationMs: 3_000 });
    const { calls, streams } = await bed.browse({
      calls: [{ ...caller, perSecond: CALLERS }],
      streams: STREAMS,
      durationMs,
    });
    const rssMb = Math.max(...(await bed.usage()).map(({ rssBytes }) => rssBytes)) / 1_048_576;
    const [{ offered, tookMs, failures }] = calls as [(typeof calls)[number]];
    say(`streams opened ${streams.opened}, pushes ${streams.pushes}, at least ${streams.leastPushes} each`);
    const line = (metric: string, unit: string, ours: number, peer: number): Line => ({
      bench: "browsers",
      metric,
      unit,
      n: tookMs.length,
      offered,
      achieved: tookMs.length,
      ours: round(ours),
      against: "target",
      peer,
      ratio: round(ours / (peer || 1)),
      connections: STREAMS + CALLERS,
      offered_per_s: CALLERS,
      achieved_per_s: round((tookMs.length * 1_000) / durationMs),
      failures,
      streams_opened: streams.opened,
      streams_ended_early: streams.ends,
      pushes: streams.pushes,
      least_pushes: streams.leastPushes,
    });
    const ended = Object.values(streams.ends).reduce((sum, count) => sum + count, 0);
    return [
      line("errors", "calls and streams", offered - tookMs.length + ended, 0),
      line("p99_ms", "ms", percentile(tookMs, 0.99), TARGETS.p99Ms),
      line("rss_mb", "MiB", rssMb, TARGETS.rssMb),
    ];
  } finally {
    await bed.close();
  }
}
