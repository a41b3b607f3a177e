import type { Pool } from "pg";

export interface StoredCover {
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** Cover art by id, an object of the media route. */
export interface CoverStore {
  stat(id: string): Promise<StoredCover | undefined>;
  /** Bytes from an offset on, as many as there are up to the length. */
  read(id: string, offset: number, length: number): Promise<Buffer>;
}

export function coverStore(pool: Pool): CoverStore {
  return {
    async stat(id) {
      const { rows } = await pool.query<{ size: number; content_type: string }>(
        "SELECT length(bytes) AS size, content_type FROM cover WHERE id = $1",
        [id],
      );
      return rows[0] && { sizeBytes: rows[0].size, contentType: rows[0].content_type };
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
