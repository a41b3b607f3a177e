import type { Clock } from "@antiphon/mesh";
import type { CatalogService, Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { Client } from "@connectrpc/connect";
import { LRUCache } from "lru-cache";

export interface TrackReaderDeps {
  readonly catalog: Pick<Client<typeof CatalogService>, "batchGetTracks">;
  readonly clock: Clock;
  /** Tracks kept, default 20,000. */
  readonly maxTracks?: number;
  /** For how long a kept track is not asked for again, default 10 s. */
  readonly freshMs?: number;
}

/** Reads tracks from the catalog; those it saw before also while the catalog is away. */
export interface TrackReader {
  /**
   * The tracks of these ids, at most 500, without those that the catalog does not have.
   * While the catalog is away: those seen before. Rejects with its error only when none of them was.
   */
  read(trackIds: readonly string[]): Promise<Map<string, Track>>;
}

export function trackReader(deps: TrackReaderDeps): TrackReader {
  const { catalog, clock, maxTracks = 20_000, freshMs = 10_000 } = deps;
  const seen = new LRUCache<string, { readonly track: Track; readonly atMs: number }>({ max: maxTracks });

  async function refresh(trackIds: readonly string[]): Promise<void> {
    const { tracks, missingIds } = await catalog.batchGetTracks({ trackIds: [...trackIds] });
    for (const track of tracks) seen.set(track.id, { track, atMs: clock.monotonic() });
    for (const id of missingIds) seen.delete(id);
  }

  return {
    async read(trackIds) {
      const fresh = (id: string) => clock.monotonic() - (seen.peek(id)?.atMs ?? -Infinity) < freshMs;
      const stale = [...new Set(trackIds)].filter((id) => !fresh(id));
      const failure =
        stale.length > 0 ? await refresh(stale).catch((error: unknown) => ({ error })) : undefined;
      const found = new Map<string, Track>();
      for (const id of trackIds) {
        const track = seen.get(id)?.track;
        if (track) found.set(id, track);
      }
      if (failure && found.size === 0) throw failure.error;
      return found;
    },
  };
}
