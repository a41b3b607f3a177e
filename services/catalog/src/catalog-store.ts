import { exportCursor, keySeqOf } from "@antiphon/mesh/events";
import type { Album, Artist, Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Pool } from "pg";
import type { Lyrics, LyricsLine } from "./lyrics.ts";
import { type AlbumRow, type ArtistRow, type TrackRow, toAlbum, toArtist, toTrack } from "./rows.ts";

/** The last item of a page sorted by name: its sort key and id. */
export type NameCursor = readonly [sortKey: string, id: string];

export interface AlbumWithTracks {
  readonly album: Album;
  readonly tracks: Track[];
}

export interface ArtistWithWorks {
  readonly artist: Artist;
  readonly albums: Album[];
  readonly tracks: Track[];
}

export interface ExportedTrack {
  readonly track: Track;
  readonly keySeq: bigint;
  readonly importedAt: Timestamp;
}

/** The reading side of the catalog. */
export interface CatalogStore {
  /** The tracks that are there, by id. */
  tracks(ids: readonly string[]): Promise<Map<string, Track>>;
  /** With its tracks in the order of discs and numbers. */
  album(id: string): Promise<AlbumWithTracks | undefined>;
  /** With its albums, newest first, and at most 50 of its tracks. */
  artist(id: string): Promise<ArtistWithWorks | undefined>;
  /** Newest import first; `after` is an `import_seq`. */
  listAlbums(after: string | undefined, limit: number): Promise<AlbumRow[]>;
  listArtists(after: NameCursor | undefined, limit: number): Promise<ArtistRow[]>;
  listTracks(after: NameCursor | undefined, limit: number): Promise<TrackRow[]>;
  lyrics(trackId: string): Promise<Lyrics | undefined>;
  /** Where a track's file lies; null where it is known to be gone, undefined where there is no such track. */
  sourcePath(id: string): Promise<string | null | undefined>;
  /** Every track, each with the number of the last event on it, as of one moment. */
  exportTracks(): AsyncIterable<ExportedTrack>;
}

const ARTIST_TRACKS = 50;

export function catalogStore(pool: Pool): CatalogStore {
  return {
    async tracks(ids) {
      const { rows } = await pool.query<TrackRow>("SELECT * FROM track_listing WHERE id = ANY($1)", [ids]);
      return new Map(rows.map((row) => [row.id, toTrack(row)]));
    },

    async album(id) {
      const [albums, tracks] = await Promise.all([
        pool.query<AlbumRow>("SELECT * FROM album_listing WHERE id = $1", [id]),
        pool.query<TrackRow>(
          // Tags often leave out the number of the only disc.
          `SELECT * FROM track_listing WHERE album_id = $1
           ORDER BY greatest(disc_number, 1), track_number, sort_title, id`,
          [id],
        ),
      ]);
      const album = albums.rows[0];
      return album && { album: toAlbum(album), tracks: tracks.rows.map(toTrack) };
    },

    async artist(id) {
      const [artists, albums, tracks] = await Promise.all([
        pool.query<ArtistRow>("SELECT * FROM artist_listing WHERE id = $1", [id]),
        pool.query<AlbumRow>("SELECT * FROM album_listing WHERE artist_id = $1 ORDER BY import_seq DESC", [
          id,
        ]),
        pool.query<TrackRow>(
          "SELECT * FROM track_listing WHERE artist_id = $1 ORDER BY sort_title, id LIMIT $2",
          [id, ARTIST_TRACKS],
        ),
      ]);
      const artist = artists.rows[0];
      return (
        artist && {
          artist: toArtist(artist),
          albums: albums.rows.map(toAlbum),
          tracks: tracks.rows.map(toTrack),
        }
      );
    },

    async listAlbums(after, limit) {
      const { rows } = await pool.query<AlbumRow>(
        `SELECT * FROM album_listing WHERE $1::bigint IS NULL OR import_seq < $1
         ORDER BY import_seq DESC LIMIT $2`,
        [after ?? null, limit],
      );
      return rows;
    },

    async listArtists(after, limit) {
      const { rows } = await pool.query<ArtistRow>(
        `SELECT * FROM artist_listing WHERE $1::text IS NULL OR (sort_name, id) > ($1, $2)
         ORDER BY sort_name, id LIMIT $3`,
        [after?.[0] ?? null, after?.[1] ?? null, limit],
      );
      return rows;
    },

    async listTracks(after, limit) {
      const { rows } = await pool.query<TrackRow>(
        `SELECT * FROM track_listing WHERE $1::text IS NULL OR (sort_title, id) > ($1, $2)
         ORDER BY sort_title, id LIMIT $3`,
        [after?.[0] ?? null, after?.[1] ?? null, limit],
      );
      return rows;
    },

    async lyrics(trackId) {
      const { rows } = await pool.query<Lyrics & { lines: LyricsLine[] }>(
        "SELECT synced, lines FROM lyrics WHERE track_id = $1",
        [trackId],
      );
      return rows[0];
    },

    async sourcePath(id) {
      const { rows } = await pool.query<{ source_path: string | null }>(
        "SELECT source_path FROM track WHERE id = $1",
        [id],
      );
      return rows[0]?.source_path;
    },

    async *exportTracks() {
      const rows = exportCursor<TrackRow & { key_seq: string }>(
        pool,
        `SELECT track_listing.*, ${keySeqOf("catalog.track", "track_listing.id")} AS key_seq FROM track_listing`,
      );
      for await (const row of rows) {
        const importedAt = timestampFromDate(row.imported_at);
        yield { track: toTrack(row), keySeq: BigInt(row.key_seq), importedAt };
      }
    },
  };
}
