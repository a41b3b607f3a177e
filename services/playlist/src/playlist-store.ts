import { exportCursor, keySeqOf } from "@antiphon/mesh/events";
import type pg from "pg";
import { sortKeys } from "./ordering.ts";
import type { Applied, Change, Item, Playlist, Visibility } from "./playlist.ts";

/** The pool, or the client of a transaction. */
export type Database = Pick<pg.ClientBase, "query">;

/** A playlist without its items. */
export interface Head {
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly visibility: Visibility;
  readonly revision: number;
  readonly trackCount: number;
  readonly coverIds: readonly string[];
  readonly changedAtMs: number;
  readonly deleted: boolean;
}

export interface Snapshot extends Head, Playlist {
  readonly sortKeys: ReadonlyMap<string, number>;
}

/** A change as it stands in the log. */
export interface LogEntry {
  readonly revision: number;
  readonly authorId: string;
  readonly atMs: number;
  readonly change: Change;
}

/** Where the next page of a list starts: behind this row. */
export interface Cursor {
  readonly atMs: number;
  readonly id: string;
}

interface HeadRow {
  id: string;
  owner_id: string;
  name: string;
  visibility: Visibility;
  revision: string;
  track_count: number;
  cover_ids: string[];
  changed_at: Date;
  deleted: boolean;
}

const HEAD = `p.id, p.owner_id, p.name, p.visibility, p.revision, p.track_count, p.changed_at,
  p.deleted_at IS NOT NULL AS deleted, playlist_covers(p.id) AS cover_ids`;

function headOf(row: HeadRow): Head {
  return {
    id: row.id,
    ownerId: row.owner_id,
    name: row.name,
    visibility: row.visibility,
    revision: Number(row.revision),
    trackCount: row.track_count,
    coverIds: row.cover_ids,
    changedAtMs: row.changed_at.getTime(),
    deleted: row.deleted,
  };
}

/** The head, also of a deleted playlist. */
export async function findHead(db: Database, playlistId: string): Promise<Head | undefined> {
  const { rows } = await db.query<HeadRow>(`SELECT ${HEAD} FROM playlist p WHERE p.id = $1`, [playlistId]);
  return rows[0] && headOf(rows[0]);
}

type ItemTuple = [itemId: string, trackId: string, addedAt: string, sortKey: number];

/** Head and items as of one moment: one statement sees one state of the database. */
export async function findSnapshot(db: Database, playlistId: string): Promise<Snapshot | undefined> {
  const { rows } = await db.query<HeadRow & { items: ItemTuple[] | null }>(
    `SELECT ${HEAD}, (
       SELECT json_agg(json_build_array(item_id, track_id, added_at, sort_key) ORDER BY sort_key)
       FROM playlist_item WHERE playlist_id = p.id) AS items
     FROM playlist p WHERE p.id = $1`,
    [playlistId],
  );
  const row = rows[0];
  if (!row) return undefined;
  const items = row.items ?? [];
  return {
    ...headOf(row),
    items: items.map(([itemId, trackId, addedAt]) => ({ itemId, trackId, addedAtMs: Date.parse(addedAt) })),
    sortKeys: new Map(items.map(([itemId, , , sortKey]) => [itemId, sortKey])),
  };
}

/**
 * Makes other changes of this playlist wait for the end of the transaction. A statement of its own: one
 * that reads and locks would see the head as it is after the wait and the items as they were before.
 */
export async function lockPlaylist(tx: Database, playlistId: string): Promise<void> {
  await tx.query("SELECT FROM playlist WHERE id = $1 FOR UPDATE", [playlistId]);
}

/** A listener's playlists that are not deleted, latest change first. */
export async function listPlaylists(
  db: Database,
  ownerId: string,
  after: Cursor | undefined,
  limit: number,
): Promise<Head[]> {
  const { rows } = await db.query<HeadRow>(
    `SELECT ${HEAD} FROM playlist p
     WHERE p.owner_id = $1 AND p.deleted_at IS NULL
       AND ($2::timestamptz IS NULL OR (p.changed_at, p.id) < ($2, $3))
     ORDER BY p.changed_at DESC, p.id DESC LIMIT $4`,
    [ownerId, after && new Date(after.atMs), after?.id, limit],
  );
  return rows.map(headOf);
}

/** A playlist at revision 0, before its first change. */
export async function insertPlaylist(tx: Database, id: string, ownerId: string, atMs: number): Promise<void> {
  await tx.query(
    `INSERT INTO playlist (id, owner_id, name, visibility, revision, track_count, changed_at)
     VALUES ($1, $2, '', 'private', 0, 0, $3)`,
    [id, ownerId, new Date(atMs)],
  );
}

/** Adds changes to the log and brings head and items to where they lead. The playlist must be locked. */
export async function writeChanges(
  tx: Database,
  before: Snapshot,
  { playlist, changes }: Applied,
  authorId: string,
  atMs: number,
): Promise<void> {
  const at = new Date(atMs);
  await tx.query(
    `INSERT INTO playlist_change (playlist_id, revision, author_id, made_at, change)
     SELECT $1, $2::bigint + ordinality, $3, $4, change FROM jsonb_array_elements($5) WITH ORDINALITY AS c (change)`,
    [before.id, before.revision, authorId, at, JSON.stringify(changes)],
  );
  await writeItems(tx, before, playlist.items, changes);
  await tx.query(
    `UPDATE playlist SET name = $2, visibility = $3, revision = revision + $4, track_count = $5, changed_at = $6
     WHERE id = $1`,
    [before.id, playlist.name, playlist.visibility, changes.length, playlist.items.length, at],
  );
}

async function writeItems(
  tx: Database,
  before: Snapshot,
  items: readonly Item[],
  changes: readonly Change[],
): Promise<void> {
  const byId = new Map(items.map((item) => [item.itemId, item]));
  const gone = before.items.map((item) => item.itemId).filter((itemId) => !byId.has(itemId));
  if (gone.length > 0) {
    await tx.query("DELETE FROM playlist_item WHERE playlist_id = $1 AND item_id = ANY ($2)", [
      before.id,
      gone,
    ]);
  }
  const known = new Map(before.sortKeys);
  for (const change of changes) if (change.kind === "move") known.delete(change.itemId);
  const written = [...sortKeys([...byId.keys()], known)];
  if (written.length === 0) return;
  const rows = written.map(([itemId]) => byId.get(itemId)!);
  await tx.query(
    `INSERT INTO playlist_item (playlist_id, item_id, track_id, added_at, sort_key)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
     ON CONFLICT (playlist_id, item_id) DO UPDATE SET sort_key = excluded.sort_key`,
    [
      before.id,
      rows.map((item) => item.itemId),
      rows.map((item) => item.trackId),
      rows.map((item) => new Date(item.addedAtMs)),
      written.map(([, sortKey]) => sortKey),
    ],
  );
}

/** Marks a playlist as deleted and drops its items; the log stays. */
export async function markDeleted(tx: Database, playlistId: string, atMs: number): Promise<void> {
  await tx.query("DELETE FROM playlist_item WHERE playlist_id = $1", [playlistId]);
  await tx.query("UPDATE playlist SET deleted_at = $2, track_count = 0 WHERE id = $1", [
    playlistId,
    new Date(atMs),
  ]);
}

/** Those of the items that were in the playlist at any time. */
export async function everAdded(
  db: Database,
  playlistId: string,
  itemIds: readonly string[],
): Promise<Set<string>> {
  const { rows } = await db.query<{ item_id: string }>(
    `SELECT change ->> 'itemId' AS item_id FROM playlist_change
     WHERE playlist_id = $1 AND change ->> 'kind' = 'add' AND change ->> 'itemId' = ANY ($2)`,
    [playlistId, itemIds],
  );
  return new Set(rows.map((row) => row.item_id));
}

/** The log after a revision, oldest first. */
export async function changesSince(
  db: Database,
  playlistId: string,
  revision: bigint,
  limit: number,
): Promise<LogEntry[]> {
  const { rows } = await db.query<{ revision: string; author_id: string; made_at: Date; change: Change }>(
    `SELECT revision, author_id, made_at, change FROM playlist_change
     WHERE playlist_id = $1 AND revision > $2 ORDER BY revision LIMIT $3`,
    [playlistId, revision, limit],
  );
  return rows.map((row) => ({
    revision: Number(row.revision),
    authorId: row.author_id,
    atMs: row.made_at.getTime(),
    change: row.change,
  }));
}

/** Every playlist that is not deleted, with the number of its last event. */
export async function* exportPlaylists(pool: pg.Pool): AsyncGenerator<{ head: Head; keySeq: bigint }> {
  const keySeq = keySeqOf("playlist.playlist", "p.id");
  const sql = `SELECT ${HEAD}, ${keySeq} AS key_seq FROM playlist p WHERE p.deleted_at IS NULL`;
  for await (const row of exportCursor<HeadRow & { key_seq: string }>(pool, sql)) {
    yield { head: headOf(row), keySeq: BigInt(row.key_seq) };
  }
}
