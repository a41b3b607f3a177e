import type pg from "pg";
import type { Logger } from "pino";
import { withTransaction } from "../database.ts";
import type { Envelope } from "./envelope.ts";
import type { Routes } from "./event-handler.ts";
import { remember } from "./inbox.ts";

/** An event that an operator wants to be handled again. */
export interface ReplayedEvent {
  readonly envelope: Envelope;
  readonly payload: Uint8Array;
}

/** Asks a consumer to let a parked key go; false where the key is not parked. */
export async function requestRelease(db: pg.ClientBase, consumer: string, aggregate: string, key: string) {
  const { rowCount } = await db.query(
    `UPDATE inbox_position SET release_requested_at = clock_timestamp()
     WHERE consumer = $1 AND aggregate = $2 AND key = $3 AND parked_at IS NOT NULL`,
    [consumer, aggregate, key],
  );
  return rowCount === 1;
}

/**
 * Gives an event up that waits in a parked key, and asks for the key's release without it; false where it does
 * not wait. To be called in a transaction.
 */
export async function skipParked(tx: pg.ClientBase, consumer: string, aggregate: string, envelope: Envelope) {
  const { rowCount } = await tx.query("DELETE FROM inbox_parked WHERE consumer = $1 AND event_id = $2", [
    consumer,
    envelope.id,
  ]);
  if (rowCount !== 1) return false;
  await remember(tx, { consumer, aggregate, envelope });
  return await requestRelease(tx, consumer, aggregate, envelope.key);
}

/** Asks a consumer to handle events again, in this order, past its inbox. */
export async function requestReplay(
  db: pg.ClientBase,
  consumer: string,
  events: readonly ReplayedEvent[],
): Promise<void> {
  for (const { envelope, payload } of events) {
    const { id, type, source, key, keySeq, traceparent, at } = envelope;
    await db.query(
      `INSERT INTO inbox_replay (consumer, event_id, type, source, key, key_seq, traceparent, payload, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [consumer, id, type, source, key, String(keySeq), traceparent ?? null, payload, at],
    );
  }
}

export interface RequestsDeps {
  readonly pool: pg.Pool;
  readonly consumer: string;
  readonly routes: Routes;
  readonly log: Logger;
  readonly timeoutMs: number;
  release(aggregate: string, key: string): Promise<number>;
}

/** Does what operators have asked of a consumer since the last time; rejects where PostgreSQL is away. */
export async function handleRequests(deps: RequestsDeps): Promise<void> {
  const { pool, consumer, log } = deps;
  const { rows } = await pool.query<{ aggregate: string; key: string }>(
    `UPDATE inbox_position SET release_requested_at = NULL
     WHERE consumer = $1 AND parked_at IS NOT NULL AND release_requested_at IS NOT NULL RETURNING aggregate, key`,
    [consumer],
  );
  for (const { aggregate, key } of rows) {
    try {
      const events = await deps.release(aggregate, key);
      log.info({ consumer, aggregate, key, events }, "a parked key was released");
    } catch (err) {
      log.error({ consumer, aggregate, key, err }, "a key stays parked: its first event fails again");
    }
  }
  while (await replayNext(deps));
}

interface ReplayRow {
  seq: string;
  event_id: string;
  type: string;
  source: string;
  key: string;
  key_seq: string;
  traceparent: string | null;
  payload: Buffer;
  created_at: Date;
}

/** False where none is left, or another replica is at it: one at a time keeps their order. */
async function replayNext({ pool, consumer, routes, log, timeoutMs }: RequestsDeps): Promise<boolean> {
  let row: ReplayRow | undefined;
  const handle = async (tx: pg.PoolClient) => {
    const { rows } = await tx.query<ReplayRow>(
      `DELETE FROM inbox_replay WHERE pg_try_advisory_xact_lock(hashtextextended('antiphon.replay.' || $1, 0))
         AND seq = (SELECT min(seq) FROM inbox_replay WHERE consumer = $1 AND failure IS NULL) RETURNING *`,
      [consumer],
    );
    row = rows[0];
    const handler = row && routes.handlers.get(row.type);
    if (!row || !handler) return row !== undefined;
    const envelope = {
      id: row.event_id,
      type: row.type,
      source: row.source,
      key: row.key,
      keySeq: BigInt(row.key_seq),
      at: row.created_at,
      traceparent: row.traceparent ?? undefined,
    };
    await handler.apply([{ envelope, message: handler.decode(row.payload) }], tx);
    return true;
  };
  try {
    return await withTransaction(pool, handle, { timeoutMs });
  } catch (error) {
    if (!row) throw error;
    const failure = error instanceof Error ? error.message : String(error);
    log.error({ consumer, eventId: row.event_id, err: error }, "an event could not be replayed");
    await pool.query("UPDATE inbox_replay SET failure = $2 WHERE seq = $1", [row.seq, failure]);
    return true;
  }
}
