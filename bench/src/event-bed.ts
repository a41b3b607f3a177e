import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNats, startPostgres } from "@antiphon/deploy/local";
import { openPool, withTransaction } from "@antiphon/mesh";
import { consume, event, eventMigrations, onBatch, openOutbox } from "@antiphon/mesh/events";
import { type TrackLiked, TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import { pino } from "pino";
import { Counter, Registry } from "prom-client";

export const liked = event(TrackLikedSchema);
export const KEYS = 2_000;
/** Events a transaction of the consumer in batches: as many as are allowed. */
export const BATCH = 500;
/** Connections of the pool: as many transactions at once. */
const CONNECTIONS = 20;
const WAIT_MS = 240_000;

/** One NATS and one PostgreSQL, which fsync each write, with an outbox and a table of effects. */
export interface Bed {
  readonly natsUrl: string;
  readonly pool: pg.Pool;
  readonly nc: NatsConnection;
  readonly deps: Omit<Parameters<typeof consume>[0], "group"> & { readonly signal: AbortSignal };
  readonly outbox: ReturnType<typeof openOutbox>;
  close(): Promise<void>;
}

export async function openBed(): Promise<Bed> {
  const dir = await mkdtemp(join(tmpdir(), "antiphon-bench-"));
  const [nats, postgres] = await Promise.all([
    startNats({ dir: join(dir, "nats") }),
    startPostgres({ dir: join(dir, "postgres") }),
  ]);
  const pool = openPool(postgres.url, { max: CONNECTIONS });
  await eventMigrations(pool);
  await pool.query("CREATE TABLE applied (key text, key_seq bigint)");
  const nc = await connect({ servers: nats.url });
  const stopped = new AbortController();
  const log = pino({ level: "silent" });
  const deps = { pool, nats: async () => nc, log, metrics: new Registry(), signal: stopped.signal };
  const outbox = openOutbox({ ...deps, service: "bench" });
  return {
    natsUrl: nats.url,
    pool,
    nc,
    deps,
    outbox,
    async close() {
      stopped.abort();
      await outbox.stop();
      await nc.close();
      await pool.end();
      await Promise.all([nats.kill(), postgres.kill()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** As large as an event of the system with two ids and a time. */
export function like(i: number): TrackLiked {
  return create(TrackLikedSchema, {
    listenerId: `lst_${i % KEYS}`.padEnd(24, "x"),
    trackId: `trk_${"x".repeat(200)}`,
  });
}

/** Writes events to the outbox, so many a transaction, in as many transactions at once as there are connections. */
export async function writeAll({ pool, outbox }: Bed, count: number, aCommit: number): Promise<void> {
  let next = 0;
  const write = async () => {
    while (next < count) {
      const from = next;
      next += aCommit;
      const to = Math.min(next, count);
      await withTransaction(pool, async (tx) => {
        for (let i = from; i < to; i++) await outbox.publish(tx, liked, like(i));
      });
    }
  };
  // A transaction of many events locks their keys: more at once would only wait for each other.
  await Promise.all(Array.from({ length: aCommit === 1 ? CONNECTIONS : 8 }, write));
}

/** Resolves when the relay has had so many events acknowledged since the bed was opened. */
export async function untilRelayed({ deps }: Bed, total: number): Promise<void> {
  const published = deps.metrics.getSingleMetric("outbox_published_total");
  if (!(published instanceof Counter)) throw new Error("the outbox does not count what it publishes");
  await reach(async () => ((await published.get()).values[0]?.value ?? 0) >= total);
}

/** A consumer in batches whose effect is a row; what it was told of is not yet committed. */
export function startBatchConsumer({ deps }: Bed, group: string) {
  let told = 0;
  const consumer = consume({ ...deps, group, batch: BATCH, concurrency: 2 }, [
    onBatch(TrackLikedSchema, async (events, { tx }) => {
      await tx.query({
        name: "bench effect",
        text: "INSERT INTO applied SELECT * FROM unnest($1::text[], $2::bigint[])",
        values: [events.map(({ key }) => key), events.map(({ keySeq }) => String(keySeq))],
      });
      told += events.length;
    }),
  ]);
  consumer.start();
  return { told: () => told, stop: () => consumer.stop() };
}

export async function countRows(pool: pg.Pool, table: "applied" | "outbox"): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]?.n ?? 0;
}

/** Waits for a goal; the look at it must cost nothing, so as not to be part of what is measured. */
export async function reach(goal: () => Promise<boolean> | boolean): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS;
  while (!(await goal())) {
    if (performance.now() > giveUpAt) throw new Error(`the bench got nowhere within ${WAIT_MS} ms`);
    await sleep(5);
  }
}
