import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { Database } from "./playlist-store.ts";

/**
 * Keeps the covers of tracks that are added to a playlist. Rows that are right already are not locked, or
 * everybody who adds the song of the day would wait in one line.
 */
export async function rememberCovers(tx: Database, tracks: Iterable<Track>): Promise<void> {
  // In one order for all, or two transactions could wait for each other.
  const sorted = [...tracks].sort((a, b) => (a.id < b.id ? -1 : 1));
  await tx.query(
    `INSERT INTO track_cover (track_id, cover_id)
     SELECT track_id, cover_id FROM unnest($1::text[], $2::text[]) AS fresh (track_id, cover_id)
     WHERE (track_id, cover_id) NOT IN (SELECT track_id, cover_id FROM track_cover WHERE track_id = ANY ($1))
     ON CONFLICT (track_id) DO UPDATE SET cover_id = excluded.cover_id`,
    [sorted.map((track) => track.id), sorted.map((track) => track.coverId)],
  );
}

/** Follows a track whose cover changed, if a playlist has it. */
export async function changeCover(tx: Database, trackId: string, coverId: string): Promise<void> {
  await tx.query("UPDATE track_cover SET cover_id = $2 WHERE track_id = $1", [trackId, coverId]);
}

/** The cover of a track that has left the catalog. */
export async function forgetCover(tx: Database, trackId: string): Promise<void> {
  await tx.query("DELETE FROM track_cover WHERE track_id = $1", [trackId]);
}
