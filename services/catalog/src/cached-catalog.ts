import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { AlbumWithTracks, ArtistWithWorks, CatalogStore } from "./catalog-store.ts";
import { ReadCache } from "./read-cache.ts";

/** The popular reads of a store, kept in memory. */
export interface CachedCatalog extends Pick<CatalogStore, "tracks" | "album" | "artist"> {
  /** A track changed, and with it its album and artist, before and after. */
  trackChanged(trackId: string): void;
  /** Anything may have changed. */
  clear(): void;
}

/** Bounds how stale an answer gets while the events are away. */
const TTL_MS = 30_000;

export function cachedCatalog(store: CatalogStore): CachedCatalog {
  const tracks = new ReadCache<Track>({ max: 20_000, ttlMs: TTL_MS });
  const albums = new ReadCache<AlbumWithTracks>({ max: 1_000, ttlMs: TTL_MS });
  const artists = new ReadCache<ArtistWithWorks>({ max: 1_000, ttlMs: TTL_MS });
  return {
    tracks: (ids) => tracks.getMany(ids, (missing) => store.tracks(missing)),
    album: (id) => albums.get(id, (missing) => store.album(missing)),
    artist: (id) => artists.get(id, (missing) => store.artist(missing)),
    trackChanged(trackId) {
      tracks.invalidate(trackId);
      // The event does not say which album and artist the track belonged to before.
      albums.clear();
      artists.clear();
    },
    clear() {
      tracks.clear();
      albums.clear();
      artists.clear();
    },
  };
}
