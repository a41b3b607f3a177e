import { type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { follow } from "@antiphon/mesh/events";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { SearchService } from "@antiphon/proto/antiphon/search/v1/search";
import { LiveIndex } from "./live-index.ts";
import { searchService } from "./service.ts";

export function build({ client, log, metrics, nats, onStop, readiness, signal }: ServiceDeps): Served[] {
  const live = new LiveIndex({ catalog: client(CatalogService), playlists: client(PlaylistService) });
  onStop("index", () => live.close());
  const follower = follow({ nats, name: "search", log, metrics, signal }, live);
  onStop("events", () => follower.stop());
  readiness("index", () => {
    if (!live.index) throw new Error("the index is being loaded from catalog and playlist");
  });
  return [serve(SearchService, searchService({ index: () => live.index }))];
}
