/**
 * One process of the chaos run, to be killed: `node worker.ts ROLE`, configured by NATS_URL, DATABASE_URL,
 * PER_SECOND. The last two roles are what everybody writes first, and are there to be found out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";
import type pg from "pg";
import { pino } from "pino";
import { Registry } from "prom-client";
import { openPool, withTransaction } from "../../database.ts";
import { toHeaders } from "../envelope.ts";
import { consume, EVENTS, event, on, onBatch, openJetStream, openOutbox } from "../index.ts";

// It does not outlive the run.
process.once("disconnect", () => process.exit());

const role = process.argv[2] ?? "";
const log = pino({ level: "fatal" });
const pool = openPool(process.env.DATABASE_URL ?? "", { max: 12, log });
const nc = await connect({
  servers: process.env.NATS_URL ?? "",
  waitOnFirstConnect: true,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 100,
});
const nats = async () => nc;
const metrics = new Registry();
const { signal } = new AbortController();
const outbox = openOutbox({ pool, service: "chaos", nats, log, metrics });
const liked = event(TrackLikedSchema);
const KEYS = 150;

const WRITERS = 4;

/** Several transactions at a time, which commit in another order than they began; some do not commit. */
async function write(): Promise<void> {
  const everyMs = (WRITERS * 1_000) / Number(process.env.PER_SECOND);
  const one = async () => {
    const key = `lst_${Math.floor(Math.random() * KEYS)}`;
    await withTransaction(pool, async (tx) => {
      await tx.query("INSERT INTO written (key) VALUES ($1)", [key]);
      await outbox.publish(tx, liked, create(TrackLikedSchema, { listenerId: key, trackId: "trk" }));
      if (Math.random() < 0.3) await sleep(20 * Math.random());
      if (Math.random() < 0.05) throw new Error("changed its mind");
    }).catch(() => {});
  };
  const loop = async () => {
    // Behind its time it does not pause, up to a second: what a busy machine held up is made up for.
    for (let dueAt = performance.now(); ; dueAt = Math.max(dueAt + everyMs, performance.now() - 1_000)) {
      await sleep(Math.max(0, dueAt - performance.now()));
      await one();
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, loop));
}

async function apply(
  tx: pg.ClientBase | pg.Pool,
  group: string,
  keys: string[],
  seqs: bigint[],
): Promise<void> {
  await tx.query(
    "INSERT INTO applied (consumer, key, key_seq) SELECT $1, * FROM unnest($2::text[], $3::bigint[])",
    [group, keys, seqs.map(String)],
  );
}

/** Remembers how far it was, where it should remember what is done. */
async function cursorRelay(): Promise<void> {
  await openJetStream(nc);
  const stream = jetstream(nc);
  const cursor = await pool.query<{ seq: string }>("SELECT seq FROM relay_cursor");
  for (let seq = cursor.rows[0]?.seq ?? "0"; ; await sleep(5)) {
    const { rows } = await pool.query("SELECT * FROM outbox WHERE seq > $1 ORDER BY seq LIMIT 100", [seq]);
    for (const row of rows) {
      const { event_id: id, type, source, key, key_seq, created_at: at } = row;
      const headers = toHeaders({ id, type, source, key, keySeq: BigInt(key_seq), at });
      await stream.publish(row.subject, row.payload, { headers });
      seq = row.seq;
    }
    if (rows.length > 0) await pool.query("UPDATE relay_cursor SET seq = $1", [seq]);
  }
}

/** Applies, then acknowledges; what it has applied it does not know. */
async function forgetfulConsumer(): Promise<void> {
  const manager = await openJetStream(nc);
  const rules = { durable_name: "forgetful", ack_policy: AckPolicy.Explicit, ack_wait: nanos(2_000) };
  await manager.consumers.add(EVENTS, { ...rules, filter_subject: liked.filter });
  for (;;) {
    const consumer = await jetstream(nc).consumers.get(EVENTS, "forgetful");
    const messages = await consumer.fetch({ max_messages: 20, expires: 1_000 });
    const taken = [];
    for await (const message of messages) taken.push(message);
    for (const { headers } of taken) {
      await apply(
        pool,
        "forgetful",
        [headers?.get("ce-subject") ?? ""],
        [BigInt(headers?.get("ce-keyseq") ?? 0)],
      );
    }
    for (const message of taken) message.ack();
  }
}

function consumer(group: string, batch: number) {
  const handler =
    batch === 1
      ? on(TrackLikedSchema, (_, { tx, key, keySeq }) => apply(tx, group, [key], [keySeq]))
      : onBatch(TrackLikedSchema, (events, { tx }) =>
          apply(
            tx,
            group,
            events.map(({ key }) => key),
            events.map(({ keySeq }) => keySeq),
          ),
        );
  return consume({ nats, pool, group, batch, log, metrics, signal, ackWaitMs: 2_000 }, [handler]);
}

const roles: Record<string, () => unknown> = {
  writer: write,
  relay: () => outbox.start(),
  single: () => consumer("single", 1).start(),
  batch: () => consumer("batch", 50).start(),
  "cursor-relay": () => keepTrying(cursorRelay),
  forgetful: () => keepTrying(forgetfulConsumer),
};

async function keepTrying(run: () => Promise<void>): Promise<void> {
  for (;;) await run().catch(() => sleep(200));
}

await jetstreamManager(nc, { checkAPI: false });
const run = roles[role];
if (!run) throw new Error(`role must be one of ${Object.keys(roles).join(", ")} (was "${role}")`);
process.send?.("ready");
await run();
