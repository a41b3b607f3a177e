import { follow } from "@antiphon/mesh/events";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { toBinary } from "@bufbuild/protobuf";
import { openRawJetStream, rawLatency } from "../peers/nats-jetstream.ts";
import type { BenchOptions } from "./benches.ts";
import {
  BATCH,
  type Bed,
  countRows,
  KEYS,
  like,
  liked,
  openBed,
  reach,
  startBatchConsumer,
  untilRelayed,
  writeAll,
} from "./event-bed.ts";
import { openProbe, PROBE_RATE } from "./latency-probe.ts";
import { middleOf, type Rate, rateOf } from "./rate.ts";
import { type Line, percentile, round } from "./report.ts";

/** Publishes in flight, of ours and of the peer. */
const WINDOW = 256;
const ROUNDS = 3;

/**
 * The way of an event: written, relayed, consumed. All on one NATS and one PostgreSQL that fsync each write; the
 * peer is the JetStream client alone with its default options, in the same run, its rounds of consuming in turn
 * with ours. It carries as large a body, without the headers of an event.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? 10_000 : 100_000;
  const singles = count / 10;
  const samples = quick ? 600 : 6_000;
  const bed = await openBed();
  const raw = await openRawJetStream(bed.natsUrl);
  try {
    say(`raw nats.js: ${count} messages`);
    const published = await raw.publish(count, toBinary(TrackLikedSchema, like(0)), WINDOW);
    say("ours: outbox and relay");
    const written = await rateOf(count, () => writeAll(bed, count, 100));
    const writtenSingly = await rateOf(singles, () => writeAll(bed, singles, 1));
    const all = count + singles;
    const followers = await Promise.all(Array.from({ length: ROUNDS }, () => heldFollower(bed, all)));
    const relayed = await rateOf(all, () => relayAll(bed, all));
    say(`consumers: ${ROUNDS} rounds each`);
    const rates = { raw: [] as Rate[], followed: [] as Rate[], batched: [] as Rate[] };
    for (const [i, follower] of followers.entries()) {
      rates.raw.push(await raw.consume(count));
      rates.followed.push(await rateOf(all, follower.run));
      await follower.stop();
      rates.raw.push(await raw.consume(count));
      rates.batched.push(await rateOf(all, () => consumeAll(bed, all, `batch-${i}`)));
    }
    const [consumed, followed, batched] = [rates.raw, rates.followed, rates.batched].map(middleOf) as [
      Rate,
      Rate,
      Rate,
    ];
    const applied = await countRows(bed.pool, "applied");
    if (applied !== ROUNDS * all) throw new Error(`${ROUNDS * all} effects were due (there are ${applied})`);
    await raw.close();
    say(`ours: ${PROBE_RATE} events a second`);
    const probe = await openProbe(bed, "latency");
    const tookMs = await probe.run(samples);
    await probe.stop();
    const rawMs = await rawLatency(bed.natsUrl, samples, 1_000 / PROBE_RATE);

    const line = (
      metric: string,
      unit: string,
      ours: number,
      peer: number,
      n: number,
      what: string,
    ): Line => ({
      bench: "events",
      metric,
      unit,
      n,
      offered: n,
      achieved: n,
      ours: round(ours),
      against: "nats.js",
      peer: round(peer),
      ratio: round(ours / peer),
      what,
      window: WINDOW,
      keys: KEYS,
      applied,
    });
    const rate = (metric: string, ours: Rate, peer: Rate, n: number, what: string) =>
      line(metric, "/s", ours.perSecond, peer.perSecond, n, what);
    const { cpuUs } = relayed;
    return [
      rate(
        "publish_per_s",
        written,
        published,
        count,
        "committed to the outbox, 100 a commit; each acknowledged",
      ),
      rate(
        "publish_singly_per_s",
        writtenSingly,
        published,
        singles,
        "one a commit, 20 at once; each acknowledged",
      ),
      rate(
        "relay_per_s",
        relayed,
        published,
        all,
        "from the outbox, acknowledged and moved; each acknowledged",
      ),
      rate("consume_per_s", followed, consumed, all, "a read model in memory; each acknowledged"),
      rate(
        "batch_consume_per_s",
        batched,
        consumed,
        all,
        `effect, inbox and position in PostgreSQL, up to ${BATCH} a commit, then acknowledged; acknowledged`,
      ),
      line(
        "cpu_us_per_message",
        "us",
        cpuUs + followed.cpuUs,
        published.cpuUs + consumed.cpuUs,
        all,
        "of this process: relay and read model; publish and consume",
      ),
      line(
        "commit_to_applied_p50_ms",
        "ms",
        percentile(tookMs, 0.5),
        percentile(rawMs, 0.5),
        samples,
        LATENCY,
      ),
      line(
        "commit_to_applied_p99_ms",
        "ms",
        percentile(tookMs, 0.99),
        percentile(rawMs, 0.99),
        samples,
        LATENCY,
      ),
    ];
  } finally {
    await bed.close();
  }
}

const LATENCY = `from commit to the commit of its effect, ${PROBE_RATE}/s; from publish to arrival`;

async function relayAll(bed: Bed, count: number): Promise<void> {
  bed.outbox.start();
  await untilRelayed(bed, count);
  await reach(async () => (await countRows(bed.pool, "outbox")) === 0);
}

/** A read model whose load ends when it is told to, so that everything waits for it in the stream. */
async function heldFollower({ deps }: Bed, count: number) {
  const loading = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  let seen = 0;
  const model = {
    aggregates: [liked.aggregate],
    async load() {
      loading.resolve();
      await gate.promise;
    },
    apply() {
      seen += 1;
      if (seen === count) done.resolve();
    },
  };
  const follower = follow({ ...deps, name: "bench" }, model);
  await loading.promise;
  return {
    async run(): Promise<void> {
      gate.resolve();
      await done.promise;
    },
    stop: () => follower.stop(),
  };
}

async function consumeAll(bed: Bed, count: number, group: string): Promise<void> {
  const consumer = startBatchConsumer(bed, group);
  await reach(() => consumer.told() >= count);
  await consumer.stop();
}
