import type pg from "pg";
import type { Envelope } from "./envelope.ts";

/** Where an event stands in its key's order, for one consumer. */
export type Claim =
  /** Its turn: the position is moved, the event remembered, in this transaction. */
  | "next"
  /** Handled before. */
  | "duplicate"
  /** An earlier event of its key is missing. */
  | "gap"
  /** Later events of its key are handled already, this one never was. */
  | "late"
  /** Its key waits for a release. */
  | "parked";

export interface InboxKey {
  readonly consumer: string;
  readonly aggregate: string;
  readonly envelope: Envelope;
}

/**
 * Claims an event in the transaction of its effect. Two replicas that claim events of one key wait for each
 * other at the row of its position.
 * @param acceptGap moves on although earlier events of the key are missing
 */
export async function claim(
  tx: pg.ClientBase,
  { consumer, aggregate, envelope: { id, key, keySeq } }: InboxKey,
  acceptGap = false,
): Promise<Claim> {
  const moved = await tx.query<{ moved: boolean; remembered: boolean }>(
    `WITH moved AS (
       INSERT INTO inbox_position AS p (consumer, aggregate, key, key_seq)
       SELECT $1, $2, $3, $4::bigint
       WHERE $4::bigint = 1 OR $6::boolean
          OR EXISTS (SELECT FROM inbox_position WHERE consumer = $1 AND aggregate = $2 AND key = $3)
       ON CONFLICT (consumer, aggregate, key) DO UPDATE SET key_seq = excluded.key_seq
       WHERE p.parked_at IS NULL
         AND (p.key_seq = excluded.key_seq - 1 OR ($6::boolean AND p.key_seq < excluded.key_seq))
       RETURNING 1),
     remembered AS (
       INSERT INTO inbox (consumer, event_id) SELECT $1, $5::uuid FROM moved
       ON CONFLICT DO NOTHING RETURNING 1)
     SELECT EXISTS (SELECT FROM moved) AS moved, EXISTS (SELECT FROM remembered) AS remembered`,
    [consumer, aggregate, key, String(keySeq), id, acceptGap],
  );
  if (moved.rows[0]?.moved) return moved.rows[0].remembered ? "next" : "duplicate";

  const { rows } = await tx.query<{ seen: boolean; parked: boolean; passed: boolean }>(
    `SELECT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = $5::uuid) AS seen,
            coalesce(bool_or(parked_at IS NOT NULL), false) AS parked,
            coalesce(bool_or(key_seq >= $4::bigint), false) AS passed
     FROM inbox_position WHERE consumer = $1 AND aggregate = $2 AND key = $3`,
    [consumer, aggregate, key, String(keySeq), id],
  );
  const found = rows[0];
  if (found?.seen) return "duplicate";
  if (found?.parked) return "parked";
  return found?.passed ? "late" : "gap";
}

/**
 * Claims the events whose turn it is, of different keys of one aggregate, in one statement; resolves with those.
 * The others are to be claimed one by one, which says why it is not their turn.
 */
export async function claimAll<C extends { readonly event: InboxKey }>(
  tx: pg.ClientBase,
  { consumer, aggregate }: Pick<InboxKey, "consumer" | "aggregate">,
  candidates: readonly C[],
): Promise<readonly C[]> {
  const envelopes = candidates.map(({ event }) => event.envelope);
  const { rows } = await tx.query<{ count: number; claimed: readonly string[] | null }>({
    name: "antiphon_claim_all",
    text: `WITH events AS (
       SELECT * FROM unnest($3::text[], $4::bigint[], $5::uuid[]) AS e (key, key_seq, event_id)),
     moved AS (
       INSERT INTO inbox_position AS p (consumer, aggregate, key, key_seq)
       SELECT $1, $2, key, key_seq FROM events e
       -- No EXISTS: that may become a hash of all keys, made for each batch.
       WHERE key_seq = 1
          OR (SELECT true FROM inbox_position i WHERE (i.consumer, i.aggregate, i.key) = ($1, $2, e.key))
       ORDER BY key -- The order of locks is the same in all replicas.
       ON CONFLICT (consumer, aggregate, key) DO UPDATE SET key_seq = excluded.key_seq
       WHERE p.parked_at IS NULL AND p.key_seq = excluded.key_seq - 1
       RETURNING key),
     claimed AS (
       -- No ON CONFLICT, which costs as much again: whose turn it is, is not in the inbox but by an operator's hand.
       INSERT INTO inbox (consumer, event_id) SELECT $1, event_id FROM moved JOIN events USING (key)
       RETURNING event_id)
     -- Usually all: then none is named.
     SELECT count(*)::int, CASE WHEN count(*) < $6 THEN array_agg(event_id) END AS claimed FROM claimed`,
    // As literals of arrays: the driver would quote and escape each element by itself. Of what JSON escapes
    // otherwise than PostgreSQL reads it, control characters, a key has none.
    values: [
      consumer,
      aggregate,
      `{${JSON.stringify(envelopes.map(({ key }) => key)).slice(1, -1)}}`,
      `{${envelopes.map(({ keySeq }) => keySeq).join()}}`,
      `{${envelopes.map(({ id }) => id).join()}}`,
      candidates.length,
    ],
  });
  const { count = 0, claimed } = rows[0] ?? {};
  if (count === candidates.length) return candidates;
  const ids = new Set(claimed);
  return candidates.filter(({ event }) => ids.has(event.envelope.id));
}

/** Remembers an event without moving its key's position. */
export async function remember(tx: pg.ClientBase, { consumer, envelope }: InboxKey): Promise<void> {
  await tx.query("INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
    consumer,
    envelope.id,
  ]);
}

/** Counts an attempt that failed, in all replicas together; resolves with the number of attempts so far. */
export async function countFailure(pool: pg.Pool, { consumer, envelope }: InboxKey): Promise<number> {
  const { rows } = await pool.query<{ attempts: number }>(
    `INSERT INTO inbox_failure AS f (consumer, event_id, attempts) VALUES ($1, $2, 1)
     ON CONFLICT (consumer, event_id) DO UPDATE SET attempts = f.attempts + 1, failed_at = clock_timestamp()
     RETURNING attempts`,
    [consumer, envelope.id],
  );
  return rows[0]?.attempts ?? 1;
}

/**
 * Counts an attempt before it is made, for an event that was delivered before: where its handler ends the
 * process, nobody is left to count afterwards. Resolves with the number of attempts, this one included; 0 where
 * it is not this event's turn, so that none will be made.
 */
export async function countBeforehand(pool: pg.Pool, event: InboxKey): Promise<number> {
  const { consumer, aggregate, envelope } = event;
  const { rows } = await pool.query<{ turn: boolean }>(
    `SELECT coalesce((SELECT key_seq = $4::bigint - 1 AND parked_at IS NULL FROM inbox_position
       WHERE consumer = $1 AND aggregate = $2 AND key = $3), $4::bigint = 1) AS turn`,
    [consumer, aggregate, envelope.key, String(envelope.keySeq)],
  );
  return rows[0]?.turn ? await countFailure(pool, event) : 0;
}

/** Takes an attempt back that has failed for no fault of the event's. */
export async function forgiveAttempt(pool: pg.Pool, { consumer, envelope }: InboxKey): Promise<void> {
  await pool.query(
    "UPDATE inbox_failure SET attempts = attempts - 1 WHERE consumer = $1 AND event_id = $2 AND attempts > 0",
    [consumer, envelope.id],
  );
}

/** Forgets the attempts of an event that has been handled. */
export async function forgetFailures(tx: pg.ClientBase, { consumer, envelope }: InboxKey): Promise<void> {
  await tx.query("DELETE FROM inbox_failure WHERE consumer = $1 AND event_id = $2", [consumer, envelope.id]);
}

/** Forgets what the broker cannot deliver again: it keeps events for 7 days. */
export async function pruneInbox(pool: pg.Pool, consumer: string): Promise<void> {
  await pool.query("DELETE FROM inbox WHERE consumer = $1 AND handled_at < now() - interval '8 days'", [
    consumer,
  ]);
  await pool.query(
    "DELETE FROM inbox_failure WHERE consumer = $1 AND failed_at < now() - interval '8 days'",
    [consumer],
  );
}
