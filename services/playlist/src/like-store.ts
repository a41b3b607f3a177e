import type { Cursor, Database } from "./playlist-store.ts";

export interface Like {
  readonly trackId: string;
  readonly likedAtMs: number;
}

/** False where the listener liked it already. */
export async function insertLike(
  tx: Database,
  listenerId: string,
  trackId: string,
  atMs: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    "INSERT INTO liked_track (listener_id, track_id, liked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    [listenerId, trackId, new Date(atMs)],
  );
  return rowCount === 1;
}

/** False where the listener did not like it. */
export async function deleteLike(tx: Database, listenerId: string, trackId: string): Promise<boolean> {
  const { rowCount } = await tx.query("DELETE FROM liked_track WHERE listener_id = $1 AND track_id = $2", [
    listenerId,
    trackId,
  ]);
  return rowCount === 1;
}

export async function isLiked(db: Database, listenerId: string, trackId: string): Promise<boolean> {
  const { rowCount } = await db.query("SELECT FROM liked_track WHERE listener_id = $1 AND track_id = $2", [
    listenerId,
    trackId,
  ]);
  return rowCount === 1;
}

/** A listener's likes, latest first. */
export async function listLikes(
  db: Database,
  listenerId: string,
  after: Cursor | undefined,
  limit: number,
): Promise<Like[]> {
  const { rows } = await db.query<{ track_id: string; liked_at: Date }>(
    `SELECT track_id, liked_at FROM liked_track
     WHERE listener_id = $1 AND ($2::timestamptz IS NULL OR (liked_at, track_id) < ($2, $3))
     ORDER BY liked_at DESC, track_id DESC LIMIT $4`,
    [listenerId, after && new Date(after.atMs), after?.id, limit],
  );
  return rows.map((row) => ({ trackId: row.track_id, likedAtMs: row.liked_at.getTime() }));
}

export async function countLikes(db: Database, listenerId: string): Promise<number> {
  const { rows } = await db.query<{ total: number }>(
    "SELECT count(*)::int AS total FROM liked_track WHERE listener_id = $1",
    [listenerId],
  );
  return rows[0]!.total;
}
