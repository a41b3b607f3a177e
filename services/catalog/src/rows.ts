import {
  type Album,
  AlbumSchema,
  type Artist,
  ArtistSchema,
  type Track,
  TrackSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";

/** A row of the view `track_listing`. */
export interface TrackRow {
  id: string;
  title: string;
  sort_title: string;
  artist_id: string;
  artist_name: string;
  album_id: string;
  album_title: string;
  disc_number: number;
  track_number: number;
  duration_ms: number;
  year: number;
  genres: string[];
  cover_id: string | null;
  playable: boolean;
  imported_at: Date;
  source_path: string | null;
  source_sha256: string;
}

/** A row of the view `album_listing`. Eight-byte integers come as text. */
export interface AlbumRow {
  id: string;
  title: string;
  artist_id: string;
  artist_name: string;
  import_seq: string;
  year: number;
  cover_id: string | null;
  track_count: number;
  duration_ms: string;
}

/** A row of the view `artist_listing`. */
export interface ArtistRow {
  id: string;
  name: string;
  sort_name: string;
  album_count: number;
  track_count: number;
  cover_id: string | null;
}

export function toTrack(row: TrackRow): Track {
  return create(TrackSchema, {
    id: row.id,
    title: row.title,
    artist: { id: row.artist_id, name: row.artist_name },
    album: { id: row.album_id, title: row.album_title },
    discNumber: row.disc_number,
    trackNumber: row.track_number,
    durationMs: row.duration_ms,
    year: row.year,
    genres: row.genres,
    coverId: row.cover_id ?? "",
    playable: row.playable,
  });
}

export function toAlbum(row: AlbumRow): Album {
  return create(AlbumSchema, {
    id: row.id,
    title: row.title,
    artist: { id: row.artist_id, name: row.artist_name },
    year: row.year,
    coverId: row.cover_id ?? "",
    trackCount: row.track_count,
    durationMs: BigInt(row.duration_ms),
  });
}

export function toArtist(row: ArtistRow): Artist {
  return create(ArtistSchema, {
    id: row.id,
    name: row.name,
    albumCount: row.album_count,
    trackCount: row.track_count,
    coverId: row.cover_id ?? "",
  });
}
