import type { CatalogService, Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { TrackStore } from "./track-store.ts";

export interface TracksDeps {
  readonly catalog: Pick<Client<typeof CatalogService>, "getTrack" | "batchGetTracks">;
  /** Answers where the catalog is away. */
  readonly copies: Pick<TrackStore, "find">;
}

/** What the player tells of tracks: the catalog's word, else its own copy. */
export interface Tracks {
  /** Undefined where the catalog says that it has no such track. Rejects where nobody knows. */
  get(id: string): Promise<Track | undefined>;
  /** By id; of a track that has left the catalog the copy. */
  getMany(ids: readonly string[]): Promise<ReadonlyMap<string, Track>>;
}

/** A title that is a moment old is better than music that starts late. */
const PATIENCE_MS = 500;

export function tracks({ catalog, copies }: TracksDeps): Tracks {
  return {
    async get(id) {
      try {
        return (await catalog.getTrack({ trackId: id }, { timeoutMs: PATIENCE_MS })).track;
      } catch (error) {
        if (ConnectError.from(error).code === Code.NotFound) return undefined;
        const copy = (await copies.find([id])).get(id);
        if (copy) return copy;
        throw error;
      }
    },

    async getMany(ids) {
      const found = new Map<string, Track>();
      if (ids.length === 0) return found;
      try {
        const batch = await catalog.batchGetTracks({ trackIds: [...ids] }, { timeoutMs: PATIENCE_MS });
        for (const track of batch.tracks) found.set(track.id, track);
      } catch {
        // The copies will do.
      }
      const missing = ids.filter((id) => !found.has(id));
      if (missing.length > 0) for (const [id, copy] of await copies.find(missing)) found.set(id, copy);
      return found;
    },
  };
}
