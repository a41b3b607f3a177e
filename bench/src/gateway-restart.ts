import type { BrowserResult } from "../peers/edge/browsers.ts";
import type { BenchOptions } from "./benches.ts";
import { openEdgeBed } from "./edge-bed.ts";
import { type Line, round } from "./report.ts";

const GATEWAYS = 2;
const INSTANCES = 2;
const PER_SECOND = 200;
const STREAMS = 50;
/** Streams are opened anew for each: long enough for a restart to meet them. */
const SLICE_MS = 15_000;

/**
 * Failed calls while every gateway, and every instance of the service behind them, is restarted under load.
 * A balancer gives new connections to gateways that are in, and leaves those that stand alone. The browsers
 * leave a connection that says `close`, and send again what one that had been idle did not take.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const passes = quick ? 1 : 5;
  const bed = await openEdgeBed({ gateways: GATEWAYS, instances: INSTANCES });
  try {
    const call = { method: "GetReview", textBytes: 300, browsers: 20, deadlineMs: 10_000 };
    let restarts = 0;
    let over = false;
    const restarting = (async () => {
      for (let pass = 0; pass < passes; pass++) {
        for (let index = 0; index < GATEWAYS; index++, restarts++) await bed.restartGateway(index);
        for (let index = 0; index < INSTANCES; index++, restarts++) await bed.restartService(index);
      }
    })().finally(() => {
      over = true;
    });
    const slices: BrowserResult[] = [];
    do {
      const calls = [{ ...call, perSecond: PER_SECOND }];
      slices.push(await bed.browse({ calls, streams: STREAMS, durationMs: SLICE_MS }));
    } while (!over);
    await restarting;
    const sum = (of: (slice: (typeof slices)[number]) => number) =>
      slices.reduce((total, slice) => total + of(slice), 0);
    const offered = sum(({ calls }) => calls[0]!.offered);
    const achieved = sum(({ calls }) => calls[0]!.tookMs.length);
    const ends = count(slices.map(({ streams }) => streams.ends));
    const unavailable = ends.unavailable ?? 0;
    const ended = Object.values(ends).reduce((total, one) => total + one, 0);
    say(
      `${restarts} restarts, ${offered - achieved} of ${offered} calls failed, streams ended ${JSON.stringify(ends)}`,
    );
    const line = (metric: string, unit: string, ours: number): Line => ({
      bench: "gateway-restart",
      metric,
      unit,
      n: offered,
      offered,
      achieved,
      ours: round(ours),
      against: "target",
      peer: 0,
      ratio: round(ours),
      restarts,
      offered_per_s: PER_SECOND,
      failures: count(slices.map(({ calls }) => calls[0]!.failures)),
      resent: sum(({ calls }) => calls[0]!.resent),
      streams_ended: ends,
      pushes: sum(({ streams }) => streams.pushes),
    });
    return [
      line("failed_calls", "calls", offered - achieved),
      line("streams_not_unavailable", "streams", ended - unavailable),
    ];
  } finally {
    await bed.close();
  }
}

function count(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) total[name] = (total[name] ?? 0) + value;
  }
  return total;
}
