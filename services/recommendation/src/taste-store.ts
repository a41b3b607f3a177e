import type { ClientBase, Pool } from "pg";
import { CONTEXT_LENGTH, type Learnt, learn, type Neighbour } from "./co-occurrence.ts";
import { type Positive, type Recent, type Signal, SKIP_REST_MS } from "./signal.ts";

/** Where versions are told to all replicas; the payload is `<version> <listener id>`. */
export const VERSION_CHANNEL = "recommendation_version";

/** What listeners did and what the model has learnt from it. */
export interface TasteStore {
  /**
   * Learns from a signal, in the transaction of its event. What counted already changes nothing: the same
   * playback, the same like, a skip of a playback that qualified. Answers whether it had an effect.
   */
  observe(tx: ClientBase, signal: Signal): Promise<boolean>;
  /** Takes back that the listener liked or added a track; what others' tastes learnt from it stays. */
  withdraw(
    tx: ClientBase,
    signal: Pick<Signal, "listenerId" | "trackId" | "kind" | "source">,
  ): Promise<boolean>;
  recent(listenerId: string, nowMs: number): Promise<Recent>;
  /** What goes with each seed, at most fifty known tracks a seed. */
  neighbours(seedIds: readonly string[]): Promise<Neighbour[]>;
  /** Known tracks that are played most, lately. */
  popular(limit: number, excludedIds?: readonly string[]): Promise<string[]>;
  /** 0 for a listener who did nothing yet, and left out. */
  versions(listenerIds: readonly string[]): Promise<Map<string, bigint>>;
}

/** More of a listener's signals are not kept: they are older than anything recommendations look at. */
const SIGNALS_KEPT = 200;
/** Of each seed; what goes with it less has no chance on a shelf. */
const NEIGHBOURS_LOOKED_AT = 50;

/** The store in PostgreSQL; its tables are in `migrations/`. */
export function tasteStore(pool: Pool): TasteStore {
  return {
    async observe(tx, signal) {
      await lockListener(tx, signal.listenerId);
      if (!(await recordSignal(tx, signal))) return false;
      const before = await recentOf(tx, signal.listenerId, signal.atMs);
      await addWeights(tx, learn(signal, before));
      await forgetOldSignals(tx, signal.listenerId);
      await bumpVersion(tx, signal.listenerId);
      return true;
    },

    async withdraw(tx, { listenerId, trackId, kind, source }) {
      await lockListener(tx, listenerId);
      const { rowCount } = await tx.query(
        "DELETE FROM listener_signal WHERE listener_id = $1 AND track_id = $2 AND kind = $3 AND source = $4",
        [listenerId, trackId, kind, source],
      );
      if (!rowCount) return false;
      await bumpVersion(tx, listenerId);
      return true;
    },

    recent: (listenerId, nowMs) => recentOf(pool, listenerId, nowMs),

    async neighbours(seedIds) {
      const { rows } = await pool.query<Neighbour>(
        // Materialized, so that the weights of all pairs are joined at once and not seed by seed.
        `WITH pair AS MATERIALIZED (
           SELECT seed.track_id AS seed_id, seed.weight AS seed_weight, best.other_id, best.weight
           FROM item_weight seed CROSS JOIN LATERAL (
             SELECT other_id, weight FROM pair_weight
             WHERE track_id = seed.track_id AND weight > 0 ORDER BY weight DESC LIMIT ${NEIGHBOURS_LOOKED_AT}
           ) AS best
           WHERE seed.track_id = ANY($1) AND seed.weight > 0)
         SELECT pair.seed_id AS "seedId", pair.other_id AS "trackId", pair.weight AS "pairWeight",
                pair.seed_weight AS "seedWeight", item.weight AS "itemWeight"
         FROM pair
         JOIN item_weight item ON item.track_id = pair.other_id AND item.weight > 0
         JOIN known_track known ON known.track_id = pair.other_id AND NOT known.removed`,
        [seedIds],
      );
      return rows;
    },

    async popular(limit, excludedIds = []) {
      const { rows } = await pool.query<{ track_id: string }>(
        `SELECT track_id FROM item_weight JOIN known_track USING (track_id)
         WHERE NOT removed AND popularity > 0 AND track_id <> ALL($2)
         ORDER BY popularity DESC, track_id LIMIT $1`,
        [limit, excludedIds],
      );
      return rows.map((row) => row.track_id);
    },

    async versions(listenerIds) {
      const { rows } = await pool.query<{ listener_id: string; version: string }>(
        "SELECT listener_id, version FROM listener_version WHERE listener_id = ANY($1)",
        [listenerIds],
      );
      return new Map(rows.map(({ listener_id, version }) => [listener_id, BigInt(version)]));
    },
  };
}

/** Events of one listener come on several orders (playback, likes, playlists): here they take turns. */
async function lockListener(tx: ClientBase, listenerId: string): Promise<void> {
  await tx.query(
    "INSERT INTO listener_version (listener_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING",
    [listenerId],
  );
  await tx.query("SELECT 1 FROM listener_version WHERE listener_id = $1 FOR UPDATE", [listenerId]);
}

/** Writes the signal down; false when it counted already. */
async function recordSignal(tx: ClientBase, signal: Signal): Promise<boolean> {
  const { listenerId, trackId, kind, source, atMs } = signal;
  const { rowCount } = await tx.query(
    `INSERT INTO listener_signal AS known (listener_id, track_id, kind, source, at)
     SELECT $1, $2, $3::text, $4, $5
     WHERE NOT ($3 = 'skipped' AND EXISTS (
       SELECT 1 FROM listener_signal
       WHERE listener_id = $1 AND track_id = $2 AND kind = 'heard' AND source = $4))
     ON CONFLICT (listener_id, track_id, kind) DO UPDATE
     SET source = excluded.source, at = greatest(known.at, excluded.at)
     WHERE known.source <> excluded.source`,
    [listenerId, trackId, kind, source, new Date(atMs)],
  );
  if (!rowCount) return false;
  if (kind !== "skipped") {
    await tx.query(
      "DELETE FROM listener_signal WHERE listener_id = $1 AND track_id = $2 AND kind = 'skipped'",
      [listenerId, trackId],
    );
  }
  return true;
}

async function recentOf(db: Pool | ClientBase, listenerId: string, nowMs: number): Promise<Recent> {
  const { rows } = await db.query<Positive>(
    `SELECT track_id AS "trackId", (array_agg(kind ORDER BY at DESC, kind))[1] AS kind
     FROM listener_signal WHERE listener_id = $1 AND kind <> 'skipped'
     GROUP BY track_id ORDER BY max(at) DESC, track_id LIMIT ${CONTEXT_LENGTH}`,
    [listenerId],
  );
  const skipped = await db.query<{ track_id: string }>(
    `SELECT track_id FROM listener_signal WHERE listener_id = $1 AND kind = 'skipped' AND at > $2
     ORDER BY at DESC`,
    [listenerId, new Date(nowMs - SKIP_REST_MS)],
  );
  return { positives: rows, skippedIds: skipped.rows.map((row) => row.track_id) };
}

async function addWeights(tx: ClientBase, learnt: Learnt): Promise<void> {
  const { trackId, itemWeight, popularity, pairs } = learnt;
  await tx.query(
    `INSERT INTO item_weight AS known (track_id, weight, popularity) VALUES ($1, $2, $3)
     ON CONFLICT (track_id) DO UPDATE
     SET weight = known.weight + excluded.weight, popularity = known.popularity + excluded.popularity`,
    [trackId, itemWeight, popularity],
  );
  // Both directions in one order of all pairs, so that two listeners' events never wait in a circle.
  await tx.query(
    `INSERT INTO pair_weight AS known (track_id, other_id, weight)
     SELECT track_id, other_id, weight FROM (
       SELECT $1::text AS track_id, other_id, weight FROM unnest($2::text[], $3::float8[]) AS p (other_id, weight)
       UNION ALL
       SELECT other_id, $1, weight FROM unnest($2::text[], $3::float8[]) AS p (other_id, weight)
     ) AS both_ways ORDER BY track_id, other_id
     ON CONFLICT (track_id, other_id) DO UPDATE SET weight = known.weight + excluded.weight`,
    [trackId, pairs.map(({ otherId }) => otherId), pairs.map(({ weight }) => weight)],
  );
}

async function forgetOldSignals(tx: ClientBase, listenerId: string): Promise<void> {
  await tx.query(
    `DELETE FROM listener_signal WHERE listener_id = $1 AND at < (
       SELECT at FROM listener_signal WHERE listener_id = $1 ORDER BY at DESC OFFSET ${SIGNALS_KEPT} LIMIT 1)`,
    [listenerId],
  );
}

/** Heard by every replica when, and only when, the transaction commits. */
async function bumpVersion(tx: ClientBase, listenerId: string): Promise<void> {
  await tx.query(
    `WITH bumped AS (
       UPDATE listener_version SET version = version + 1 WHERE listener_id = $1 RETURNING version)
     SELECT pg_notify('${VERSION_CHANNEL}', version || ' ' || $1) FROM bumped`,
    [listenerId],
  );
}
