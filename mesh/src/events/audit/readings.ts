import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import { typesReadBy } from "../durable-consumer.ts";
import { fromHeaders } from "../envelope.ts";
import { eventsByType } from "../event-catalog.ts";
import { EVENTS, unlessMissing } from "../jetstream.ts";
import type { Sighting } from "./findings.ts";

/** What the stream holds. */
export interface StreamReading {
  /** In the stream's order, copies included. */
  readonly sightings: readonly (Sighting & { readonly type: string })[];
  readonly ids: ReadonlySet<string>;
  /** When its oldest message came; what was sent before that may have expired. */
  readonly since: Date;
}

/** Reads the headers of all that the stream holds now; what is no event of the contracts is left out. */
export async function readStream(nc: NatsConnection): Promise<StreamReading> {
  const { state } = await (await jetstreamManager(nc)).streams.info(EVENTS);
  const sightings: (Sighting & { type: string })[] = [];
  const since = state.messages > 0 ? new Date(state.first_ts) : new Date(8.64e15);
  if (state.messages > 0) {
    const types = eventsByType();
    const consumer = await jetstream(nc).consumers.get(EVENTS, { headers_only: true });
    for await (const { headers, subject, seq } of await consumer.consume({ max_messages: 1_000 })) {
      const aggregate = types.get(subject.slice(4, subject.lastIndexOf(".")))?.aggregate;
      if (aggregate && headers?.has("ce-id")) {
        const { id: eventId, type, key, keySeq } = fromHeaders(headers);
        sightings.push({ eventId, type, aggregate, key, keySeq });
      }
      if (seq >= state.last_seq) break;
    }
    await consumer.delete();
  }
  return { sightings, ids: new Set(sightings.map(({ eventId }) => eventId)), since };
}

export interface OutboxReading {
  readonly waiting: readonly Sighting[];
  /** Within 24 h, in the order in which they were written. */
  readonly sent: readonly (Sighting & { readonly sentAt: Date })[];
  /** The last number given to an event of each key. */
  readonly last: readonly Sighting[];
}

interface Row {
  event_id: string;
  aggregate: string;
  key: string;
  key_seq: string;
}

function sightingOf({ event_id, aggregate, key, key_seq }: Row): Sighting {
  return { eventId: event_id, aggregate, key, keySeq: BigInt(key_seq) };
}

/** In one snapshot, so that no event is seen on both sides of its move. */
export async function readOutbox(client: pg.Client): Promise<OutboxReading> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const columns = "event_id, aggregate, key, key_seq";
  const waiting = await client.query<Row>(`SELECT ${columns} FROM outbox ORDER BY seq`);
  const sent = await client.query<Row & { sent_at: Date }>(
    `SELECT ${columns}, sent_at FROM outbox_sent ORDER BY seq`,
  );
  const last = await client.query<Row>(
    "SELECT '' AS event_id, aggregate, key, seq AS key_seq FROM event_key",
  );
  await client.query("COMMIT");
  return {
    waiting: waiting.rows.map(sightingOf),
    sent: sent.rows.map((row) => ({ ...sightingOf(row), sentAt: row.sent_at })),
    last: last.rows.map(sightingOf),
  };
}

export interface ConsumerReading {
  readonly name: string;
  /** Whether it reads a type. */
  reads(type: string): boolean;
  /** The broker owes it nothing. */
  readonly settled: boolean;
  /** How far it is in each key of an aggregate; parked keys stand still. */
  readonly positions: readonly (Sighting & { readonly parked: boolean })[];
  readonly handledIds: ReadonlySet<string>;
  /** Events that wait in parked keys. */
  readonly parkedIds: ReadonlySet<string>;
}

/** Every consumer that keeps its inbox in this database. */
export async function readConsumers(client: pg.Client, nc: NatsConnection): Promise<ConsumerReading[]> {
  const names = await client.query<{ name: string }>("SELECT DISTINCT consumer AS name FROM inbox_position");
  const manager = await jetstreamManager(nc);
  const readings: ConsumerReading[] = [];
  for (const { name } of names.rows) {
    // Asked before the inbox is read: what it owed nothing then, is handled by now.
    const info = await manager.consumers.info(EVENTS, name).catch(unlessMissing);
    const types = new Set(info && typesReadBy(info.config));
    const positions = await client.query<Row & { parked: boolean }>(
      `SELECT '' AS event_id, aggregate, key, key_seq, parked_at IS NOT NULL AS parked
       FROM inbox_position WHERE consumer = $1`,
      [name],
    );
    const idsOf = async (table: "inbox" | "inbox_parked") => {
      const sql = `SELECT event_id FROM ${table} WHERE consumer = $1`;
      const { rows } = await client.query<Row>(sql, [name]);
      return new Set(rows.map((row) => row.event_id));
    };
    readings.push({
      name,
      reads: (type) => types.has(type),
      settled: info?.num_pending === 0 && info.num_ack_pending === 0,
      positions: positions.rows.map((row) => ({ ...sightingOf(row), parked: row.parked })),
      handledIds: await idsOf("inbox"),
      parkedIds: await idsOf("inbox_parked"),
    });
  }
  return readings;
}
