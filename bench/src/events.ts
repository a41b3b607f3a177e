import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNats, startPostgres } from "@antiphon/deploy/local";
import { openPool, withTransaction } from "@antiphon/mesh";
import {
  consume,
  EVENTS,
  event,
  eventMigrations,
  follow,
  on,
  onBatch,
  openOutbox,
} from "@antiphon/mesh/events";
import { type TrackLiked, TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create, toBinary } from "@bufbuild/protobuf";
import { AckPolicy, DeliverPolicy, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import { pino } from "pino";
import { Registry } from "prom-client";
import { rawJetStream, rawLatency } from "../peers/nats-jetstream.ts";
import type { BenchOptions } from "./benches.ts";
import { type Line, percentile, round } from "./report.ts";

const liked = event(TrackLikedSchema);
/** Publishes in flight, of ours and of the peer. */
const WINDOW = 256;
const KEYS = 2_000;
const LATENCY_RATE = 200;
const WAIT_MS = 120_000;

/**
 * The way of an event: written, relayed, consumed. All on one NATS and one PostgreSQL that fsync each write; the
 * peer is the JetStream client alone, with messages as large, in the same run.
 */
export async function run({ quick, say }: BenchOptions): Promise<readonly Line[]> {
  const count = quick ? 8_000 : 100_000;
  const samples = quick ? 600 : 6_000;
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  const [nats, postgres] = await Promise.all([
    startNats({ dir: join(dir, "nats") }),
    startPostgres({ dir: join(dir, "postgres") }),
  ]);
  const bed = await openBed(nats.url, postgres.url);
  try {
    say(`raw nats.js: ${count} messages`);
    const raw = await rawJetStream(nats.url, count, toBinary(TrackLikedSchema, like(0)), WINDOW);
    say("ours: outbox and relay");
    const written = await measure(count, () => writeAll(bed, count));
    const follower = await heldFollower(bed, count);
    const relayed = await measure(count, () => relayAll(bed));
    say("ours: consumers");
    const followed = await measure(count, follower.run);
    await follower.stop();
    const batched = await measure(count, () => consumeAll(bed, count));
    const applied = await countRows(bed.pool, "applied");
    say(`ours: ${LATENCY_RATE} events a second`);
    const tookMs = await commitToApplied(bed, samples);
    const rawMs = await rawLatency(nats.url, samples, 1_000 / LATENCY_RATE);

    const line = (
      metric: string,
      unit: string,
      ours: number,
      peer: number,
      n: number,
      more: object = {},
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
      window: WINDOW,
      keys: KEYS,
      ...more,
    });
    const { published, consumed } = raw;
    return [
      line("publish_per_s", "/s", written.perSecond, published.perSecond, count, {
        what: "committed to the outbox",
      }),
      line("relay_per_s", "/s", relayed.perSecond, published.perSecond, count, {
        what: "outbox to acknowledged",
      }),
      line("consume_per_s", "/s", followed.perSecond, consumed.perSecond, count, { what: "a read model" }),
      line("batch_consume_per_s", "/s", batched.perSecond, consumed.perSecond, count, {
        what: "effect and inbox in PostgreSQL, 100 a transaction",
        applied,
      }),
      line(
        "cpu_us_per_message",
        "us",
        relayed.cpuUs + followed.cpuUs,
        published.cpuUs + consumed.cpuUs,
        count,
      ),
      line("commit_to_applied_p50_ms", "ms", percentile(tookMs, 0.5), percentile(rawMs, 0.5), samples),
      line("commit_to_applied_p99_ms", "ms", percentile(tookMs, 0.99), percentile(rawMs, 0.99), samples),
    ];
  } finally {
    await bed.close();
    await Promise.all([nats.kill(), postgres.kill()]);
    await rm(dir, { recursive: true, force: true });
  }
}

interface Bed {
  readonly pool: pg.Pool;
  readonly nc: NatsConnection;
  readonly deps: Omit<Parameters<typeof consume>[0], "group"> & { readonly signal: AbortSignal };
  readonly outbox: ReturnType<typeof openOutbox>;
  close(): Promise<void>;
}

async function openBed(natsUrl: string, databaseUrl: string): Promise<Bed> {
  const pool = openPool(databaseUrl, { max: 20 });
  await eventMigrations(pool);
  await pool.query("CREATE TABLE applied (key text, key_seq bigint)");
  const nc = await connect({ servers: natsUrl });
  const stopped = new AbortController();
  const log = pino({ level: "silent" });
  const deps = { pool, nats: async () => nc, log, metrics: new Registry(), signal: stopped.signal };
  const outbox = openOutbox({ ...deps, service: "bench" });
  return {
    pool,
    nc,
    deps,
    outbox,
    async close() {
      stopped.abort();
      await outbox.stop();
      await nc.close();
      await pool.end();
    },
  };
}

function like(i: number): TrackLiked {
  // As large as an event of the system with two ids and a time.
  return create(TrackLikedSchema, {
    listenerId: `lst_${i % KEYS}`.padEnd(24, "x"),
    trackId: `trk_${"x".repeat(200)}`,
  });
}

async function measure(count: number, work: () => Promise<unknown>) {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}

/** Events of 100 changes a transaction, over as many connections as the pool has. */
async function writeAll({ pool, outbox }: Bed, count: number): Promise<void> {
  let next = 0;
  const write = async () => {
    while (next < count) {
      const from = next;
      next += 100;
      const to = Math.min(next, count);
      await withTransaction(pool, async (tx) => {
        for (let i = from; i < to; i++) await outbox.publish(tx, liked, like(i));
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, write));
}

async function relayAll({ pool, outbox }: Bed): Promise<void> {
  outbox.start();
  await reach(async () => (await countRows(pool, "outbox")) === 0);
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

async function consumeAll({ deps, pool }: Bed, count: number): Promise<void> {
  const consumer = consume({ ...deps, group: "batch", batch: 100, concurrency: 2 }, [
    onBatch(TrackLikedSchema, async (events, { tx }) => {
      await tx.query("INSERT INTO applied SELECT * FROM unnest($1::text[], $2::bigint[])", [
        events.map(({ key }) => key),
        events.map(({ keySeq }) => String(keySeq)),
      ]);
    }),
  ]);
  consumer.start();
  await reach(async () => (await countRows(pool, "applied")) >= count);
  await consumer.stop();
}

/** From the commit of a change to the commit of its effect, of which PostgreSQL tells; at a steady rate. */
async function commitToApplied({ deps, pool, outbox }: Bed, samples: number): Promise<number[]> {
  const committedAt = new Map<string, number>();
  const appliedAt = new Map<string, number>();
  const listener = await pool.connect();
  listener.on("notification", ({ payload = "" }) => appliedAt.set(payload, performance.now()));
  await listener.query("LISTEN applied");
  const consumer = consume({ ...deps, group: "latency" }, [
    on(TrackLikedSchema, async ({ trackId }, { tx, key, keySeq }) => {
      const sql = "WITH effect AS (INSERT INTO applied VALUES ($1, $2)) SELECT pg_notify('applied', $3)";
      await tx.query(sql, [key, String(keySeq), trackId]);
    }),
  ]);
  // What was written before has nothing to tell it.
  await startAtEnd(deps, "latency");
  consumer.start();
  const writes: Promise<void>[] = [];
  const write = async (i: number) => {
    const message = create(TrackLikedSchema, { listenerId: `lat_${i % KEYS}`, trackId: `sample_${i}` });
    await withTransaction(pool, (tx) => outbox.publish(tx, liked, message));
    committedAt.set(message.trackId, performance.now());
  };
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      writes.push(write(writes.length));
      if (writes.length < samples) return;
      clearInterval(timer);
      resolve();
    }, 1_000 / LATENCY_RATE);
  });
  await Promise.all(writes);
  await reach(async () => appliedAt.size >= samples);
  await consumer.stop();
  listener.release(true);
  return Array.from(appliedAt, ([id, at]) => Math.max(0, at - committedAt.get(id)!));
}

/** Makes a group's durable consumer that begins with what comes next. */
async function startAtEnd({ nats }: Pick<Bed["deps"], "nats">, group: string): Promise<void> {
  const manager = await jetstreamManager(await nats());
  await manager.consumers.add(EVENTS, {
    durable_name: group,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.New,
    filter_subjects: [liked.filter],
  });
}

async function countRows(pool: pg.Pool, table: "applied" | "outbox"): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]?.n ?? 0;
}

/** Waits for a goal; looks seldom, so as not to be part of what is measured. */
async function reach(goal: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS;
  while (!(await goal())) {
    if (performance.now() > giveUpAt) throw new Error(`the bench got nowhere within ${WAIT_MS} ms`);
    await sleep(20);
  }
}
