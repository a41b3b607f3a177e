import type { CallResult } from "../peers/edge/browsers.ts";
import type { BenchOptions } from "./benches.ts";
import { type EdgeBed, openEdgeBed } from "./edge-bed.ts";
import { type Line, percentile, round } from "./report.ts";
import { canPin } from "./rounds.ts";

const OVERLOAD = 2;
/** What Netflix says of its own gateway in an overload. */
const TARGET = 0.994;
const DEADLINE_MS = 2_000;
/** Large messages that have to be translated: what costs a gateway most. */
const SEARCH = { method: "SearchReviews", textBytes: 60_000, browsers: 40, deadlineMs: DEADLINE_MS };
const SIGN = { method: "SignReview", textBytes: 300, browsers: 20, deadlineMs: DEADLINE_MS };
const SIGNS_PER_SECOND = 20;
/** Enough to keep the gateway busy at any time, and too few for it to refuse one. */
const AT_PEAK = 8;
const PEAK_MS = 4_000;

interface Measured {
  readonly peakPerSecond: number;
  readonly searches: CallResult;
  readonly signs: CallResult;
}

/**
 * A gateway that is asked for twice what it can do, nearly all of it sheddable searches: how many of the
 * critical calls beside them are answered within 2 s. connect-node before the same service gets the same load
 * for its own peak. The gateway has a core of its own.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const durationMs = quick ? 8_000 : 40_000;
  const pinned = canPin();
  say(pinned ? "gateway on core 0, all else on core 1" : "taskset cannot pin: all share the machine");
  const measureOne = async (gateway: "gateway" | "connect-node") => {
    const bed = await openEdgeBed({ gateways: 1, instances: 1, gateway, pinned });
    try {
      const measured = await measure(bed, durationMs);
      say(`${gateway}: ${describe(measured)}`);
      return measured;
    } finally {
      await bed.close();
    }
  };
  const ours = await measureOne("gateway");
  const peer = await measureOne("connect-node");
  const ratioOf = ({ offered, tookMs }: CallResult) => tookMs.length / offered;
  const { searches, signs, peakPerSecond } = ours;
  const line = (metric: string, unit: string, of: (one: Measured) => number): Line => ({
    bench: "gateway-overload",
    metric,
    unit,
    n: signs.offered,
    offered: signs.offered,
    achieved: signs.tookMs.length,
    ours: round(of(ours)),
    against: "connect-node",
    peer: round(of(peer)),
    ratio: round(of(ours) / (of(peer) || 1)),
    target: TARGET,
    overload: OVERLOAD,
    peak_per_s: round(peakPerSecond),
    searches_offered_per_s: round((searches.offered * 1_000) / durationMs),
    searches_achieved_per_s: round((searches.tookMs.length * 1_000) / durationMs),
    searches_failed: searches.failures,
    critical_failed: signs.failures,
    peer_peak_per_s: round(peer.peakPerSecond),
    peer_critical_failed: peer.signs.failures,
    pinned,
  });
  return [
    line("critical_success_ratio", "of calls", ({ signs: one }) => ratioOf(one)),
    line("critical_p99_ms", "ms", ({ signs: one }) => p99(one)),
    line("sheddable_success_ratio", "of calls", ({ searches: one }) => ratioOf(one)),
  ];
}

async function measure(bed: EdgeBed, durationMs: number): Promise<Measured> {
  const signs = { ...SIGN, perSecond: SIGNS_PER_SECOND };
  const browse = async (searches: { perSecond: number } | { atATime: number }, forMs: number) => {
    const calls = [{ ...SEARCH, ...searches }, signs];
    return (await bed.browse({ calls, streams: 0, durationMs: forMs })).calls as [CallResult, CallResult];
  };
  // Code is compiled, and what calls take unloaded becomes known.
  await browse({ perSecond: 50 }, 3_000);
  const [busy] = await browse({ atATime: AT_PEAK }, PEAK_MS);
  const peakPerSecond = (busy.tookMs.length * 1_000) / PEAK_MS;
  const [searches, critical] = await browse({ perSecond: peakPerSecond * OVERLOAD }, durationMs);
  return { peakPerSecond, searches, signs: critical };
}

/** Where nobody was answered, they all waited until their deadline. */
function p99({ tookMs }: CallResult): number {
  return tookMs.length > 0 ? percentile(tookMs, 0.99) : DEADLINE_MS;
}

function describe({ peakPerSecond, searches, signs }: Measured): string {
  const answered = ({ tookMs, offered, failures }: CallResult) =>
    `${tookMs.length} of ${offered} answered, ${JSON.stringify(failures)}`;
  return `peak ${round(peakPerSecond)} searches a second; searches: ${answered(searches)}; critical: ${answered(signs)}, p99 ${round(p99(signs))} ms`;
}
