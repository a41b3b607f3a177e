import type { Pool, PoolClient } from "pg";
import type { Cover } from "./cover.ts";
import { standIns } from "./smaller-covers.ts";

export interface StoredCover {
  /** Of what is there: not always the one that was asked for. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** Cover art by id, an object of the media route. */
export interface CoverStore {
  /** The cover, or where a smaller one was not made the cover itself. */
  stat(id: string): Promise<StoredCover | undefined>;
  /** Bytes from an offset on, as many as there are up to the length. */
  read(id: string, offset: number, length: number): Promise<Buffer>;
}

export function coverStore(pool: Pool): CoverStore {
  return {
    async stat(id) {
      const { rows } = await pool.query<{ id: string; size: number; content_type: string }>(
        `SELECT id, length(bytes) AS size, content_type FROM cover WHERE id = ANY ($1)
         ORDER BY array_position($1::text[], id) LIMIT 1`,
        [standIns(id)],
      );
      return rows[0] && { id: rows[0].id, sizeBytes: rows[0].size, contentType: rows[0].content_type };
    },
    async read(id, offset, length) {
      const { rows } = await pool.query<{ part: Buffer }>(
        "SELECT substring(bytes FROM $2::integer FOR $3::integer) AS part FROM cover WHERE id = $1",
        [id, offset + 1, length],
      );
      return rows[0]?.part ?? Buffer.alloc(0);
    },
  };
}

/** Stores covers: a picture along with its smaller ones, or those alone. What is there already stays. */
export async function saveCovers(tx: PoolClient, covers: readonly Cover[]): Promise<void> {
  for (const { id, contentType, bytes } of covers) {
    await tx.query(
      "INSERT INTO cover (id, content_type, bytes, sized) VALUES ($1, $2, $3, true) ON CONFLICT DO NOTHING",
      [id, contentType, bytes],
    );
  }
}
