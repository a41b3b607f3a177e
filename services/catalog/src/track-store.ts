import { withTransaction } from "@antiphon/mesh";
import { event, type Outbox } from "@antiphon/mesh/events";
import {
  TrackChangedSchema,
  TrackImportedSchema,
  TrackRemovedSchema,
} from "@antiphon/proto/antiphon/catalog/v1/events";
import { create } from "@bufbuild/protobuf";
import type { Pool, PoolClient } from "pg";
import { saveCovers } from "./cover-store.ts";
import type { ImportedFile, ImportStore, KnownFile, SaveResult } from "./import.ts";
import { type TrackRow, toTrack } from "./rows.ts";
import { albumId, artistId, sortKey, trackId } from "./track.ts";

export interface TrackStoreDeps {
  readonly pool: Pool;
  readonly outbox: Pick<Outbox, "publish">;
  /** Whether a file is still where it was: tells a moved file from a copy. */
  readonly fileExists: (path: string) => Promise<boolean>;
}

/** The writing side of the catalog: each change and its event in one transaction. */
export interface TrackStore extends ImportStore {
  /** False where no such track was ever there. A track that is gone already is no error. */
  remove(id: string): Promise<boolean>;
  /** Marks a track as playable, within the transaction of who found out. */
  markPlayable(tx: PoolClient, id: string): Promise<void>;
}

export function trackStore({ pool, outbox, fileExists }: TrackStoreDeps): TrackStore {
  async function publish(
    tx: PoolClient,
    schema: typeof TrackImportedSchema | typeof TrackChangedSchema,
    id: string,
  ): Promise<void> {
    const { rows } = await tx.query<TrackRow>("SELECT * FROM track_listing WHERE id = $1", [id]);
    const row = rows[0]!;
    const message = { trackId: id, track: toTrack(row), sourceSha256: row.source_sha256 };
    await outbox.publish(tx, event(schema), create(schema, message));
  }

  async function saveIn(tx: PoolClient, file: ImportedFile): Promise<SaveResult> {
    // Replicas that import the same content at once take turns.
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [file.sha256]);
    const removed = await tx.query("SELECT FROM removed_track WHERE source_sha256 = $1", [file.sha256]);
    if (removed.rowCount) return "unchanged";
    const { rows } = await tx.query<{ id: string; source_path: string | null; same: boolean }>(
      `SELECT id, source_path, source_sha256 = $1 AS same FROM track
       WHERE source_sha256 = $1 OR source_path = $2
       ORDER BY same DESC LIMIT 1 FOR UPDATE`,
      [file.sha256, file.path],
    );
    const found = rows[0];
    const elsewhere = found?.source_path && found.source_path !== file.path ? found.source_path : undefined;
    if (elsewhere && (await fileExists(elsewhere))) return "unchanged";

    await saveReferences(tx, file);
    const id = found?.id ?? (await freeTrackId(tx, file));
    await tx.query("UPDATE track SET source_path = NULL WHERE source_path = $1 AND id <> $2", [
      file.path,
      id,
    ]);
    if (!found) {
      await insertTrack(tx, id, file);
      await saveLyrics(tx, id, file);
      await publish(tx, TrackImportedSchema, id);
      return "imported";
    }
    const changed = await updateTrack(tx, id, file);
    await saveLyrics(tx, id, file);
    if (!changed) return "unchanged";
    await publish(tx, TrackChangedSchema, id);
    return "changed";
  }

  return {
    async known(path) {
      const { rows } = await pool.query<KnownRow>(
        `SELECT source_bytes, source_mtime_ms, tagged, cover_embedded, cover_id, lrc_sha256
         FROM track WHERE source_path = $1`,
        [path],
      );
      return rows[0] && toKnownFile(rows[0]);
    },

    save: (file) => withTransaction(pool, (tx) => saveIn(tx, file)),

    remove: (id) =>
      withTransaction(pool, async (tx) => {
        const { rowCount } = await tx.query(
          `WITH gone AS (DELETE FROM track WHERE id = $1 RETURNING id, source_sha256)
           INSERT INTO removed_track (id, source_sha256) SELECT id, source_sha256 FROM gone`,
          [id],
        );
        if (rowCount) {
          await outbox.publish(tx, event(TrackRemovedSchema), create(TrackRemovedSchema, { trackId: id }));
          return true;
        }
        const before = await tx.query("SELECT FROM removed_track WHERE id = $1", [id]);
        return before.rowCount === 1;
      }),

    async markPlayable(tx, id) {
      const { rowCount } = await tx.query("UPDATE track SET playable = true WHERE id = $1 AND NOT playable", [
        id,
      ]);
      if (rowCount) await publish(tx, TrackChangedSchema, id);
    },
  };
}

interface KnownRow {
  source_bytes: string;
  source_mtime_ms: string;
  tagged: boolean;
  cover_embedded: boolean;
  cover_id: string | null;
  lrc_sha256: string | null;
}

function toKnownFile(row: KnownRow): KnownFile {
  return {
    stamp: { sizeBytes: Number(row.source_bytes), mtimeMs: Number(row.source_mtime_ms) },
    tagged: row.tagged,
    coverEmbedded: row.cover_embedded,
    coverId: row.cover_id ?? undefined,
    lrcSha256: row.lrc_sha256 ?? undefined,
  };
}

/** Artists, album and cover of a file, in one order everywhere, so that imports side by side don't deadlock. */
async function saveReferences(
  tx: PoolClient,
  { description, cover, smallerCovers }: ImportedFile,
): Promise<void> {
  const { artist, albumArtist, album } = description;
  const artists = new Map([artist, albumArtist].map((name) => [artistId(name), name]));
  for (const [id, name] of [...artists].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await tx.query("INSERT INTO artist (id, name, sort_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", [
      id,
      name,
      sortKey(name),
    ]);
  }
  await tx.query("INSERT INTO album (id, title, artist_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", [
    albumId(albumArtist, album),
    album,
    artistId(albumArtist),
  ]);
  if (cover) await saveCovers(tx, [cover, ...smallerCovers]);
}

async function saveLyrics(tx: PoolClient, id: string, { lyrics, lrcSha256 }: ImportedFile): Promise<void> {
  await tx.query("UPDATE track SET lrc_sha256 = $2 WHERE id = $1", [id, lrcSha256 ?? null]);
  await tx.query("DELETE FROM lyrics WHERE track_id = $1", [id]);
  if (!lyrics) return;
  await tx.query("INSERT INTO lyrics (track_id, synced, lines) VALUES ($1, $2, $3)", [
    id,
    lyrics.synced,
    JSON.stringify(lyrics.lines),
  ]);
}

/** The id by content; where a track whose tags were edited since has it, one by content and path. */
async function freeTrackId(tx: PoolClient, { sha256, path }: ImportedFile): Promise<string> {
  const id = trackId(sha256);
  const { rowCount } = await tx.query(
    "SELECT FROM track WHERE id = $1 UNION ALL SELECT FROM removed_track WHERE id = $1",
    [id],
  );
  return rowCount ? trackId(sha256, path) : id;
}

/** What listeners see of a track and which content it has: a change here is an event. */
const DESCRIBED = `title, sort_title, artist_id, album_id, disc_number, track_number, duration_ms, year, genres,
  cover_id, source_sha256`;

function describedValues({ description, cover, sha256 }: ImportedFile): unknown[] {
  return [
    description.title,
    sortKey(description.title),
    artistId(description.artist),
    albumId(description.albumArtist, description.album),
    description.discNumber,
    description.trackNumber,
    description.durationMs,
    description.year,
    description.genres,
    cover?.id ?? null,
    sha256,
  ];
}

/** Where the file lies and how it was read: kept up without an event. */
const LOCATED = "source_path, source_bytes, source_mtime_ms, tagged, cover_embedded";

function locatedValues({ path, stamp, description, embeddedCover }: ImportedFile): unknown[] {
  return [path, stamp.sizeBytes, stamp.mtimeMs, description.tagged, embeddedCover !== undefined];
}

async function insertTrack(tx: PoolClient, id: string, file: ImportedFile): Promise<void> {
  await tx.query(
    `INSERT INTO track (id, ${LOCATED}, ${DESCRIBED})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
    [id, ...locatedValues(file), ...describedValues(file)],
  );
}

/** Whether anything of its description or content is new. */
async function updateTrack(tx: PoolClient, id: string, file: ImportedFile): Promise<boolean> {
  await tx.query(`UPDATE track SET (${LOCATED}) = ($2, $3, $4, $5, $6) WHERE id = $1`, [
    id,
    ...locatedValues(file),
  ]);
  const values = "$2, $3, $4, $5, $6, $7, $8, $9, $10::text[], $11, $12";
  const { rowCount } = await tx.query(
    `UPDATE track SET (${DESCRIBED}) = (${values})
     WHERE id = $1 AND (${DESCRIBED}) IS DISTINCT FROM (${values})`,
    [id, ...describedValues(file)],
  );
  return rowCount === 1;
}
