import type { BenchOptions } from "./benches.ts";
import { countRows, KEYS, openBed, reach, startBatchConsumer, untilRelayed, writeAll } from "./event-bed.ts";
import { type Line, round } from "./report.ts";

const MARKS = 10;
/** Marks whose events are written while the relay stands still, as when the broker is away for hours. */
const OUTAGE = 2;

/**
 * Whether memory stays flat: writer, relay and a consumer in batches live in this process, and its resident set is
 * read at each tenth of the way. The peer is the process itself where the outage's backlog is gone.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? 40_000 : 1_000_000;
  const step = count / MARKS;
  const bed = await openBed();
  try {
    const startedAt = performance.now();
    await writeAll(bed, OUTAGE * step, 100);
    say(`${OUTAGE * step} events wait; ${rssMb()} MB`);
    bed.outbox.start();
    const consumer = startBatchConsumer(bed, "soak");
    const marks: { readonly events: number; readonly rss_mb: number }[] = [];
    for (let mark = OUTAGE; mark <= MARKS; mark++) {
      const events = mark * step;
      if (mark > OUTAGE) await writeAll(bed, step, 100);
      await untilRelayed(bed, events);
      await reach(() => consumer.told() >= events);
      marks.push({ events, rss_mb: rssMb() });
      say(`${events} events; ${rssMb()} MB`);
    }
    await consumer.stop();
    const applied = await countRows(bed.pool, "applied");
    if (applied !== count) throw new Error(`${count} effects were due (there are ${applied})`);
    const [first, last] = [marks[0]!.rss_mb, marks.at(-1)!.rss_mb];
    return [
      {
        bench: "events-soak",
        metric: "rss_mb",
        unit: "MB",
        n: count,
        offered: count,
        achieved: applied,
        ours: last,
        against: `itself at ${OUTAGE * step}`,
        peer: first,
        ratio: round(last / first),
        grown_mb: last - first,
        peak_mb: Math.round(process.resourceUsage().maxRSS / 1_024),
        per_s: Math.round(count / ((performance.now() - startedAt) / 1_000)),
        keys: KEYS,
        marks,
      },
    ];
  } finally {
    await bed.close();
  }
}

function rssMb(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}
