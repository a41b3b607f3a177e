import {
  type Album,
  AlbumSchema,
  type Artist,
  type ArtistRef,
  ArtistSchema,
  type Track,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";

/** The album that these tracks make up; undefined for no tracks. Its artist is the one of most of them. */
export function albumOf(tracks: readonly Track[]): Album | undefined {
  const ref = tracks[0]?.album;
  if (!ref) return undefined;
  return create(AlbumSchema, {
    id: ref.id,
    title: ref.title,
    artist: mostFrequent(tracks.flatMap(({ artist }) => artist ?? [])),
    year: Math.max(...tracks.map(({ year }) => year)),
    coverId: firstCover(tracks),
    trackCount: tracks.length,
    durationMs: tracks.reduce((sum, { durationMs }) => sum + BigInt(durationMs), 0n),
  });
}

/** The artist of these tracks; undefined for no tracks. */
export function artistOf(tracks: readonly Track[]): Artist | undefined {
  const ref = tracks[0]?.artist;
  if (!ref) return undefined;
  return create(ArtistSchema, {
    id: ref.id,
    name: ref.name,
    albumCount: new Set(tracks.flatMap(({ album }) => album?.id ?? [])).size,
    trackCount: tracks.length,
    coverId: firstCover(tracks),
  });
}

function firstCover(tracks: readonly Track[]): string {
  return tracks.find(({ coverId }) => coverId !== "")?.coverId ?? "";
}

function mostFrequent(artists: readonly ArtistRef[]): ArtistRef | undefined {
  const counts = Map.groupBy(artists, ({ id }) => id);
  let best: readonly ArtistRef[] = [];
  for (const same of counts.values()) if (same.length > best.length) best = same;
  return best[0];
}
