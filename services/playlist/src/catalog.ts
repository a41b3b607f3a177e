import { fail, notAgain } from "@antiphon/mesh";
import type { CatalogService, Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistErrorReason } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { type Client, Code } from "@connectrpc/connect";
import { refuse } from "./errors.ts";

/** Most tracks that the catalog answers with at once. */
const BATCH = 500;
/** What a change may wait for its tracks: short enough for the caller to try again within its own 5 s. */
const CHECK_BUDGET_MS = 1000;
/** What a list may wait for its titles. */
const TITLES_BUDGET_MS = 500;
/** Most titles of one list: a message holds 4 MiB. */
const MAX_TITLES = 2000;

/** What playlists ask the catalog. */
export interface Tracks {
  /**
   * The tracks, all of them. Rejects `not_found` naming those that the catalog does not know, and
   * `unavailable` where it does not answer within 1 s. At most 500 ids.
   */
  require(trackIds: readonly string[]): Promise<ReadonlyMap<string, Track>>;
  /**
   * Those of the first 2,000 tracks that can be had within 500 ms: a slow catalog costs titles, not the
   * playlist.
   */
  glimpse(trackIds: readonly string[]): Promise<ReadonlyMap<string, Track>>;
}

export function tracksOf(catalog: Client<typeof CatalogService>): Tracks {
  return {
    async require(trackIds) {
      const answer = await catalog
        .batchGetTracks({ trackIds: unique(trackIds) }, { timeoutMs: CHECK_BUDGET_MS })
        .catch(() => {
          // Asking another playlist service would ask the same catalog again.
          throw notAgain(
            fail(Code.Unavailable, "the catalog does not say whether it has the tracks: nothing was changed"),
          );
        });
      const missing = answer.missingIds;
      if (missing.length > 0) {
        const verb = missing.length === 1 ? "track is" : "tracks are";
        throw refuse(
          PlaylistErrorReason.TRACK_NOT_FOUND,
          missing.join(","),
          `${verb} not in the catalog: ${missing.join(", ")}`,
        );
      }
      return byId(answer.tracks);
    },

    async glimpse(trackIds) {
      const ids = unique(trackIds).slice(0, MAX_TITLES);
      const batches = Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, index) =>
        ids.slice(index * BATCH, (index + 1) * BATCH),
      );
      const answers = await Promise.allSettled(
        batches.map((batch) => catalog.batchGetTracks({ trackIds: batch }, { timeoutMs: TITLES_BUDGET_MS })),
      );
      return byId(answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value.tracks : [])));
    },
  };
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

function byId(tracks: readonly Track[]): ReadonlyMap<string, Track> {
  return new Map(tracks.map((track) => [track.id, track]));
}
