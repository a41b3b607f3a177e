import { type ServiceDeps, withTransaction } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";
import { saveCovers } from "./cover-store.ts";
import { smallerCovers } from "./smaller-covers.ts";

export interface OlderCoversDeps extends Pick<ServiceDeps, "log" | "signal"> {
  readonly pool: Pool;
}

/**
 * Makes the smaller pictures of covers that were stored before there were any, one after the other, until none is
 * left or the signal; replicas share them. Never rejects: what is not done is served as it is until the next start.
 */
export async function sizeOlderCovers({ pool, log, signal }: OlderCoversDeps): Promise<void> {
  try {
    while (!signal.aborted && (await withTransaction(pool, sizeOne)));
  } catch (error) {
    log.warn({ err: error }, "covers without smaller pictures keep them for the next start");
  }
}

/** False where there was none left to take. */
async function sizeOne(tx: PoolClient): Promise<boolean> {
  const { rows } = await tx.query<{ id: string; content_type: string; bytes: Buffer }>(
    "SELECT id, content_type, bytes FROM cover WHERE NOT sized LIMIT 1 FOR UPDATE SKIP LOCKED",
  );
  const [row] = rows;
  if (!row) return false;
  await saveCovers(tx, await smallerCovers({ id: row.id, contentType: row.content_type, bytes: row.bytes }));
  await tx.query("UPDATE cover SET sized = true WHERE id = $1", [row.id]);
  return true;
}
