import { type Track, TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Pool, PoolClient } from "pg";

/** The player's own copy of what the catalog says of its tracks, from the catalog's events. */
export interface TrackStore {
  remember(tx: PoolClient, track: Track): Promise<void>;
  /** The copies that are there, by id. */
  find(ids: readonly string[]): Promise<Map<string, Track>>;
}

export function trackStore(pool: Pool): TrackStore {
  return {
    async remember(tx, track) {
      await tx.query(
        `INSERT INTO track (id, message, album_id) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET message = excluded.message, album_id = excluded.album_id`,
        [track.id, toBinary(TrackSchema, track), track.album?.id ?? null],
      );
    },
    async find(ids) {
      const { rows } = await pool.query<{ id: string; message: Buffer }>(
        "SELECT id, message FROM track WHERE id = ANY($1)",
        [ids],
      );
      return new Map(rows.map(({ id, message }) => [id, fromBinary(TrackSchema, message)]));
    },
  };
}
