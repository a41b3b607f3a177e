import { setTimeout as sleep } from "node:timers/promises";
import type { BenchOptions } from "./benches.ts";
import { openBed } from "./event-bed.ts";
import { openProbe, PROBE_RATE } from "./latency-probe.ts";
import { type Line, percentile, round } from "./report.ts";

/** Five attempts with 50 ms, 200 ms, 800 ms and 3.2 s between them: a round sees them all, and the parked key. */
const RETRY_MS = 50;
const ROUND_SAMPLES = 5 * PROBE_RATE;

/**
 * What an event that cannot be handled costs the other keys: their time from commit to applied while one is tried
 * again and its key parked, with more events of that key behind it, in turn with rounds without one.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const rounds = quick ? 2 : 6;
  const bed = await openBed();
  try {
    bed.outbox.start();
    let refused = 0;
    const refuse = (trackId: string) => {
      if (trackId !== "poison") return;
      refused += 1;
      throw new Error("cannot be handled");
    };
    const probe = await openProbe(bed, "poison", { refuse, retryMs: RETRY_MS });
    await probe.run(PROBE_RATE);
    const without: number[] = [];
    const beside: number[] = [];
    for (let i = 0; i < rounds; i++) {
      without.push(...(await probe.run(ROUND_SAMPLES)));
      const key = `sick_${i}`;
      const sick = async () => {
        await probe.publish(key, "poison");
        for (let behind = 0; behind < 20; behind++, await sleep(200)) await probe.publish(key, "behind it");
      };
      const [tookMs] = await Promise.all([probe.run(ROUND_SAMPLES), sick()]);
      beside.push(...tookMs);
      say(`${i + 1} poisoned; ${refused} attempts`);
    }
    await probe.stop();
    if (refused !== 5 * rounds) throw new Error(`${5 * rounds} attempts were due (there were ${refused})`);
    return [0.5, 0.99].map((share) => {
      const [ours, peer] = [percentile(beside, share), percentile(without, share)];
      return {
        bench: "poison",
        metric: `other_keys_p${share * 100}_ms`,
        unit: "ms",
        n: beside.length,
        offered: beside.length,
        achieved: beside.length,
        ours: round(ours),
        against: "itself without it",
        peer: round(peer),
        ratio: round(ours / peer),
        poisoned: rounds,
        attempts: refused,
      };
    });
  } finally {
    await bed.close();
  }
}
