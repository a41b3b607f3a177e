import type { ServiceDeps } from "@antiphon/mesh";
import { type EventHandler, type Follower, follow, on } from "@antiphon/mesh/events";
import { AudioReadySchema } from "@antiphon/proto/antiphon/player/v1/events";
import type { CachedCatalog } from "./cached-catalog.ts";
import type { TrackStore } from "./track-store.ts";

/** A track can be played once the player has packaged it. */
export function playerHandlers(tracks: TrackStore): EventHandler[] {
  return [on(AudioReadySchema, ({ trackId }, { tx }) => tracks.markPlayable(tx, trackId))];
}

/** Each replica forgets what any replica changed. */
export function followChanges(deps: ServiceDeps, cached: CachedCatalog): Follower {
  return follow(
    { ...deps, name: "catalog-cache" },
    {
      aggregates: ["catalog.track"],
      // Called at the start, and when events may have been missed.
      load: async () => cached.clear(),
      apply: ({ key }) => cached.trackChanged(key),
    },
  );
}
