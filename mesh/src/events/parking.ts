import type pg from "pg";
import { forgetFailures, type InboxKey, remember } from "./inbox.ts";

/** An event of a parked key, kept with all that its handling needs. */
export interface ParkedEvent extends InboxKey {
  readonly payload: Uint8Array;
}

/** Parks the key of an event that could not be handled, with the event as the first of those that wait. */
export async function parkKey(tx: pg.ClientBase, event: ParkedEvent): Promise<void> {
  const { consumer, aggregate, envelope } = event;
  await tx.query(
    `INSERT INTO inbox_position AS p (consumer, aggregate, key, key_seq, parked_at)
     VALUES ($1, $2, $3, $4::bigint - 1, clock_timestamp())
     ON CONFLICT (consumer, aggregate, key) DO UPDATE SET parked_at = coalesce(p.parked_at, excluded.parked_at)`,
    [consumer, aggregate, envelope.key, String(envelope.keySeq)],
  );
  await forgetFailures(tx, event);
  await keep(tx, event);
}

/**
 * Keeps a later event of a parked key, so that it need not wait at the broker, where it would stand in the
 * way of other keys. Resolves with false where the key has been released meanwhile.
 */
export async function keepParked(tx: pg.ClientBase, event: ParkedEvent): Promise<boolean> {
  if (!(await lockParked(tx, event.consumer, event.aggregate, event.envelope.key))) return false;
  await keep(tx, event);
  return true;
}

async function keep(tx: pg.ClientBase, { consumer, aggregate, envelope, payload }: ParkedEvent) {
  await tx.query(
    `INSERT INTO inbox_parked (consumer, aggregate, key, key_seq, event_id, type, source, traceparent, payload,
       created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      consumer,
      aggregate,
      envelope.key,
      String(envelope.keySeq),
      envelope.id,
      envelope.type,
      envelope.source,
      envelope.traceparent ?? null,
      payload,
      envelope.at,
    ],
  );
}

/** Locks a key against new arrivals; false where it is not parked. */
async function lockParked(tx: pg.ClientBase, consumer: string, aggregate: string, key: string) {
  const { rowCount } = await tx.query(
    `SELECT FROM inbox_position
     WHERE consumer = $1 AND aggregate = $2 AND key = $3 AND parked_at IS NOT NULL FOR UPDATE`,
    [consumer, aggregate, key],
  );
  return rowCount === 1;
}

interface ParkedRow {
  key_seq: string;
  event_id: string;
  type: string;
  source: string;
  traceparent: string | null;
  payload: Buffer;
  created_at: Date;
}

/**
 * Takes out the first event that waits for a parked key and moves the key's position to it, for the caller to
 * handle in the same transaction. Where none is left, or the key is not parked, lets the key go and resolves
 * with undefined.
 */
export async function takeParked(
  tx: pg.ClientBase,
  consumer: string,
  aggregate: string,
  key: string,
): Promise<ParkedEvent | undefined> {
  if (!(await lockParked(tx, consumer, aggregate, key))) return undefined;
  const { rows } = await tx.query<ParkedRow>(
    `DELETE FROM inbox_parked WHERE consumer = $1 AND aggregate = $2 AND key = $3 AND key_seq =
       (SELECT min(key_seq) FROM inbox_parked WHERE consumer = $1 AND aggregate = $2 AND key = $3)
     RETURNING *`,
    [consumer, aggregate, key],
  );
  const row = rows[0];
  await tx.query(
    `UPDATE inbox_position
     SET key_seq = coalesce($4::bigint, key_seq), parked_at = CASE WHEN $4::bigint IS NOT NULL THEN parked_at END
     WHERE consumer = $1 AND aggregate = $2 AND key = $3`,
    [consumer, aggregate, key, row?.key_seq ?? null],
  );
  if (!row) return undefined;
  const envelope = {
    id: row.event_id,
    type: row.type,
    source: row.source,
    key,
    keySeq: BigInt(row.key_seq),
    at: row.created_at,
    traceparent: row.traceparent ?? undefined,
  };
  const event = { consumer, aggregate, envelope, payload: row.payload };
  await remember(tx, event);
  return event;
}

/** How many keys of a consumer are parked. */
export async function countParked(pool: pg.Pool, consumer: string): Promise<number> {
  const { rows } = await pool.query<{ keys: number }>(
    "SELECT count(*)::int AS keys FROM inbox_position WHERE consumer = $1 AND parked_at IS NOT NULL",
    [consumer],
  );
  return rows[0]?.keys ?? 0;
}
