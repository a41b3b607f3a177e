import type pg from "pg";
import type { Envelope } from "./envelope.ts";

/** The channel on which writers wake the relay. */
export const OUTBOX_CHANNEL = "antiphon_outbox";

export interface OutboxEntry {
  readonly eventId: string;
  readonly type: string;
  readonly source: string;
  readonly aggregate: string;
  readonly key: string;
  readonly subject: string;
  readonly traceparent: string | undefined;
  readonly payload: Uint8Array;
}

/** One round trip: numbers the event within its key, keeps it, wakes the relay at commit. */
export async function insertEvent(tx: pg.ClientBase, entry: OutboxEntry): Promise<void> {
  await tx.query({
    name: "antiphon_insert_event",
    text: `WITH numbered AS (
       INSERT INTO event_key AS k (aggregate, key, seq) VALUES ($1, $2, 1)
       ON CONFLICT (aggregate, key) DO UPDATE SET seq = k.seq + 1
       RETURNING seq),
     kept AS (
       INSERT INTO outbox (aggregate, key, key_seq, event_id, type, source, subject, traceparent, payload)
       SELECT $1, $2, seq, $3, $4, $5, $6, $7, $8 FROM numbered)
     SELECT pg_notify('${OUTBOX_CHANNEL}', '')`,
    values: [
      entry.aggregate,
      entry.key,
      entry.eventId,
      entry.type,
      entry.source,
      entry.subject,
      entry.traceparent ?? null,
      entry.payload,
    ],
  });
}

/** An event that waits to be published. */
export interface PendingEvent {
  readonly seq: string;
  readonly subject: string;
  /** Aggregate and key: what keeps its order. */
  readonly lane: string;
  readonly envelope: Envelope;
  readonly payload: Buffer;
}

interface PendingRow {
  seq: string;
  event_id: string;
  type: string;
  source: string;
  aggregate: string;
  key: string;
  key_seq: string;
  subject: string;
  traceparent: string | null;
  payload: Buffer;
  created_at: Date;
}

/** The oldest events that wait, at most `count` and about `maxBytes` of payload, but always one. */
export async function readPending(
  client: pg.ClientBase,
  { count, maxBytes }: { count: number; maxBytes: number },
): Promise<PendingEvent[]> {
  const { rows } = await client.query<PendingRow>(
    `SELECT * FROM (
       SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS bytes_before
       FROM (SELECT * FROM outbox ORDER BY seq LIMIT $1) oldest) measured
     WHERE bytes_before < $2 ORDER BY seq`,
    [count, maxBytes],
  );
  return rows.map((row) => ({
    seq: row.seq,
    subject: row.subject,
    lane: `${row.aggregate} ${row.key}`,
    payload: row.payload,
    envelope: {
      id: row.event_id,
      type: row.type,
      source: row.source,
      key: row.key,
      keySeq: BigInt(row.key_seq),
      at: row.created_at,
      traceparent: row.traceparent ?? undefined,
    },
  }));
}

/** What the broker has acknowledged leaves the queue, in one statement: a crash leaves all or nothing of it. */
export async function moveToSent(client: pg.ClientBase, seqs: readonly string[]): Promise<void> {
  await client.query(
    `WITH sent AS (DELETE FROM outbox WHERE seq = ANY($1::bigint[]) RETURNING *)
     INSERT INTO outbox_sent (seq, event_id, type, source, aggregate, key, key_seq, subject, traceparent, payload,
       created_at)
     SELECT seq, event_id, type, source, aggregate, key, key_seq, subject, traceparent, payload, created_at
     FROM sent`,
    [seqs],
  );
}

/**
 * Puts what was sent before a stream was made back into the queue, in front of what waits: the stream before it had
 * it. Resolves with how many.
 */
export async function putBackSentBefore(client: pg.ClientBase, at: Date): Promise<number> {
  const { rowCount } = await client.query(
    `WITH lost AS (DELETE FROM outbox_sent WHERE sent_at < $1 RETURNING *)
     INSERT INTO outbox (seq, event_id, type, source, aggregate, key, key_seq, subject, traceparent, payload,
       created_at) OVERRIDING SYSTEM VALUE
     SELECT seq, event_id, type, source, aggregate, key, key_seq, subject, traceparent, payload, created_at FROM lost`,
    [at],
  );
  return rowCount ?? 0;
}

/** Forgets what was sent longer ago than 24 h. */
export async function pruneSent(client: pg.ClientBase): Promise<void> {
  await client.query("DELETE FROM outbox_sent WHERE sent_at < now() - interval '24 hours'");
}

/** How many events wait, and since when the oldest, in seconds. */
export async function measureOutbox(pool: pg.Pool): Promise<{ pending: number; oldestSeconds: number }> {
  const { rows } = await pool.query<{ pending: number; oldest: number }>(
    `SELECT count(*)::int AS pending,
            coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest
     FROM outbox`,
  );
  return { pending: rows[0]?.pending ?? 0, oldestSeconds: rows[0]?.oldest ?? 0 };
}

/**
 * Reads a whole table for an export from one snapshot, `batch` rows at a time: a reader loads it and then
 * follows the events, dropping those with a key_seq that it has loaded. Ends its transaction also when the
 * loop over it is left early.
 */
export async function* exportCursor<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  sql: string,
  { batch = 500, values = [] }: { batch?: number; values?: readonly unknown[] } = {},
): AsyncGenerator<Row> {
  const tx = await pool.connect();
  let broken: Error | undefined;
  try {
    await tx.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await tx.query(`DECLARE export NO SCROLL CURSOR FOR ${sql}`, [...values]);
    for (;;) {
      const { rows } = await tx.query<Row>(`FETCH ${batch} FROM export`);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await tx.query("ROLLBACK").catch((error: Error) => {
      broken = error;
    });
    tx.release(broken);
  }
}

/**
 * SQL for the key_seq of a row's last event, 0 where it has none:
 * `` SELECT t.*, ${keySeqOf("catalog.track", "t.id")} AS key_seq FROM track t ``.
 */
export function keySeqOf(aggregate: string, keyColumn: string): string {
  return `coalesce((SELECT seq FROM event_key WHERE aggregate = '${aggregate}' AND key = ${keyColumn}), 0)`;
}
