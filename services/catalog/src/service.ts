import { open, readdir } from "node:fs/promises";
import { normalize } from "node:path";
import { fail } from "@antiphon/mesh";
import { CatalogErrorReason, type CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { CachedCatalog } from "./cached-catalog.ts";
import type { CatalogStore, NameCursor } from "./catalog-store.ts";
import { refuse } from "./errors.ts";
import { importFolder } from "./import.ts";
import { importCursor, nameCursor, page } from "./paging.ts";
import { toAlbum, toArtist, toTrack } from "./rows.ts";
import type { TrackStore } from "./track-store.ts";

export interface CatalogDeps {
  readonly store: CatalogStore;
  readonly cached: CachedCatalog;
  readonly tracks: TrackStore;
  /** Aborts when this instance drains: an import ends and is taken up by the next one. */
  readonly draining: AbortSignal;
}

const CHUNK_BYTES = 64 * 1024;

export function catalogService(deps: CatalogDeps): ServiceImpl<typeof CatalogService> {
  const { store, cached, tracks, draining } = deps;
  return {
    async getTrack({ trackId }) {
      const track = (await cached.tracks([trackId])).get(trackId);
      if (!track) throw trackNotFound(trackId);
      return { track };
    },

    async batchGetTracks({ trackIds }) {
      const found = await cached.tracks(trackIds);
      return {
        tracks: trackIds.flatMap((id) => found.get(id) ?? []),
        missingIds: trackIds.filter((id) => !found.has(id)),
      };
    },

    async getLyrics({ trackId }) {
      const found = await store.lyrics(trackId);
      if (found) return { synced: found.synced, lines: [...found.lines] };
      const message = `there are no lyrics of track ${trackId}`;
      throw refuse(CatalogErrorReason.LYRICS_NOT_FOUND, trackId, message);
    },

    async getAlbum({ albumId }) {
      const found = await cached.album(albumId);
      if (found) return found;
      throw refuse(CatalogErrorReason.ALBUM_NOT_FOUND, albumId, `album ${albumId} is not in the catalog`);
    },

    async getArtist({ artistId }) {
      const found = await cached.artist(artistId);
      if (found) return found;
      throw refuse(CatalogErrorReason.ARTIST_NOT_FOUND, artistId, `artist ${artistId} is not in the catalog`);
    },

    async listAlbums(request) {
      const { rows, nextPageToken } = await page(
        request,
        importCursor,
        store.listAlbums,
        (row) => row.import_seq,
      );
      return { albums: rows.map(toAlbum), nextPageToken };
    },

    async listArtists(request) {
      const { rows, nextPageToken } = await page(
        request,
        nameCursor,
        store.listArtists,
        (row): NameCursor => [row.sort_name, row.id],
      );
      return { artists: rows.map(toArtist), nextPageToken };
    },

    async listTracks(request) {
      const { rows, nextPageToken } = await page(
        request,
        nameCursor,
        store.listTracks,
        (row): NameCursor => [row.sort_title, row.id],
      );
      return { tracks: rows.map(toTrack), nextPageToken };
    },

    async *importFolder({ folder: given }, { signal }) {
      const folder = normalize(given);
      await requireReadable(folder);
      try {
        for await (const { result, ...progress } of importFolder(
          tracks,
          folder,
          AbortSignal.any([signal, draining]),
        )) {
          yield { ...progress, ...(result ? { summary: result } : {}) };
        }
      } catch (error) {
        if (draining.aborted && !signal.aborted) {
          throw fail(Code.Unavailable, "the catalog is shutting down; import the folder again to go on");
        }
        throw error;
      }
    },

    async removeTrack({ trackId }) {
      if (!(await tracks.remove(trackId))) throw trackNotFound(trackId);
      cached.trackChanged(trackId);
      return {};
    },

    async *readSource({ trackId }) {
      const path = await store.sourcePath(trackId);
      if (path === undefined) throw trackNotFound(trackId);
      const missing = () =>
        refuse(
          CatalogErrorReason.SOURCE_MISSING,
          trackId,
          `the file of track ${trackId} is not where it was`,
        );
      if (path === null) throw missing();
      const file = await open(path).catch(() => {
        throw missing();
      });
      try {
        for (;;) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
          if (bytesRead === 0) return;
          yield { chunk: buffer.subarray(0, bytesRead) };
        }
      } finally {
        await file.close();
      }
    },

    exportTracks: () => store.exportTracks(),
  };
}

function trackNotFound(trackId: string) {
  return refuse(CatalogErrorReason.TRACK_NOT_FOUND, trackId, `track ${trackId} is not in the catalog`);
}

async function requireReadable(folder: string): Promise<void> {
  try {
    await readdir(folder);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw refuse(
      CatalogErrorReason.FOLDER_UNREADABLE,
      folder,
      `folder: ${folder} ${WHY[code] ?? "can't be read"}`,
    );
  }
}

const WHY: Record<string, string> = {
  ENOENT: "does not exist on the catalog's host",
  ENOTDIR: "is not a folder",
  EACCES: "may not be read by the catalog",
};
