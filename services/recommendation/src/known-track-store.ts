import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { ClientBase, Pool } from "pg";
import type { Likeness } from "./likeness.ts";

/** A track with where it stands in the order of its events. */
export interface KnownTrack {
  readonly track: Track;
  readonly keySeq: bigint;
  readonly importedAtMs: number;
}

/** Which tracks there are, and which of them are alike by their tags. */
export interface KnownTrackStore {
  /** Takes in tracks, each unless a later event of it is known. */
  put(tracks: readonly KnownTrack[], tx?: ClientBase): Promise<void>;
  /** Forgets a track, unless a later event of it is known. */
  remove(trackId: string, keySeq: bigint, tx?: ClientBase): Promise<void>;
  /** Takes in a whole export and forgets what is not in it although it was known before. Rejects with the export. */
  reconcile(exported: AsyncIterable<KnownTrack>): Promise<void>;
  has(trackId: string): Promise<boolean>;
  isEmpty(): Promise<boolean>;
  /** The latest imports. */
  newest(limit: number, excludedIds?: readonly string[]): Promise<string[]>;
  /** Tracks that share an album, an artist or genres with a seed, at most fifty of each a seed. */
  alike(seedIds: readonly string[]): Promise<Likeness[]>;
}

const RECONCILE_BATCH = 500;

/** The store in PostgreSQL; its tables are in `migrations/`. */
export function knownTrackStore(pool: Pool): KnownTrackStore {
  const put: KnownTrackStore["put"] = async (tracks, tx) => {
    // In the order of their ids, so that two writers never wait for each other in a circle.
    const rows = tracks.toSorted((a, b) => (a.track.id < b.track.id ? -1 : 1)).map(toRow);
    await (tx ?? pool).query(PUT, [JSON.stringify(rows)]);
  };

  return {
    put,

    async remove(trackId, keySeq, tx) {
      await (tx ?? pool).query(REMOVE, [trackId, keySeq]);
    },

    async reconcile(exported) {
      const { rows } = await pool.query<{ track_id: string; key_seq: string }>(
        "SELECT track_id, key_seq FROM known_track WHERE NOT removed",
      );
      const missing = new Map(rows.map(({ track_id, key_seq }) => [track_id, key_seq]));
      let batch: KnownTrack[] = [];
      for await (const known of exported) {
        missing.delete(known.track.id);
        batch.push(known);
        if (batch.length < RECONCILE_BATCH) continue;
        await put(batch);
        batch = [];
      }
      await put(batch);
      await pool.query(FORGET, [[...missing.keys()], [...missing.values()]]);
    },

    async has(trackId) {
      const { rowCount } = await pool.query("SELECT 1 FROM known_track WHERE track_id = $1 AND NOT removed", [
        trackId,
      ]);
      return rowCount === 1;
    },

    async isEmpty() {
      const { rowCount } = await pool.query("SELECT 1 FROM known_track WHERE NOT removed LIMIT 1");
      return rowCount === 0;
    },

    async newest(limit, excludedIds = []) {
      const { rows } = await pool.query<{ track_id: string }>(
        `SELECT track_id FROM known_track WHERE NOT removed AND track_id <> ALL($2)
         ORDER BY imported_at DESC, track_id LIMIT $1`,
        [limit, excludedIds],
      );
      return rows.map((row) => row.track_id);
    },

    async alike(seedIds) {
      const { rows } = await pool.query<Likeness>(ALIKE, [seedIds]);
      return rows;
    },
  };
}

const PUT = `
  INSERT INTO known_track AS known (track_id, artist_id, album_id, genres, imported_at, key_seq)
  SELECT track_id, artist_id, album_id, ARRAY(SELECT jsonb_array_elements_text(genres)), imported_at, key_seq
  FROM jsonb_to_recordset($1::jsonb) AS put (track_id text, artist_id text, album_id text, genres jsonb,
    imported_at timestamptz, key_seq bigint)
  ON CONFLICT (track_id) DO UPDATE SET
    artist_id = excluded.artist_id, album_id = excluded.album_id, genres = excluded.genres,
    key_seq = excluded.key_seq, removed = false,
    imported_at = CASE WHEN known.removed THEN excluded.imported_at
                       ELSE least(known.imported_at, excluded.imported_at) END
  WHERE excluded.key_seq >= known.key_seq`;

const REMOVE = `
  INSERT INTO known_track AS known (track_id, artist_id, album_id, genres, imported_at, key_seq, removed)
  VALUES ($1, '', '', '{}', now(), $2, true)
  ON CONFLICT (track_id) DO UPDATE SET removed = true, key_seq = excluded.key_seq
  WHERE excluded.key_seq >= known.key_seq`;

/** A track that an event has brought back meanwhile has another key_seq, and stays. */
const FORGET = `
  UPDATE known_track SET removed = true
  FROM unnest($1::text[], $2::bigint[]) AS missing (track_id, key_seq)
  WHERE known_track.track_id = missing.track_id AND known_track.key_seq = missing.key_seq`;

const ALIKE = `
  SELECT seed.track_id AS "seedId", alike.track_id AS "trackId", sum(points)::int AS points
  FROM known_track seed CROSS JOIN LATERAL (
    (SELECT track_id, 3 AS points FROM known_track
     WHERE album_id = seed.album_id AND album_id <> '' AND NOT removed ORDER BY track_id LIMIT 50)
    UNION ALL
    (SELECT track_id, 2 FROM known_track
     WHERE artist_id = seed.artist_id AND artist_id <> '' AND NOT removed ORDER BY track_id LIMIT 50)
    UNION ALL
    (SELECT track_id, 1 FROM known_track
     WHERE genres && seed.genres AND NOT removed ORDER BY track_id LIMIT 50)
  ) AS alike
  WHERE seed.track_id = ANY($1) AND alike.track_id <> seed.track_id
  GROUP BY 1, 2`;

function toRow({ track, keySeq, importedAtMs }: KnownTrack) {
  return {
    track_id: track.id,
    artist_id: track.artist?.id ?? "",
    album_id: track.album?.id ?? "",
    genres: track.genres.map((genre) => genre.toLowerCase()),
    imported_at: new Date(importedAtMs).toISOString(),
    key_seq: String(keySeq),
  };
}
