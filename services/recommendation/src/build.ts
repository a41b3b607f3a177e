import {
  databaseReady,
  migrate,
  openPool,
  type Served,
  type ServiceDeps,
  serve,
  VersionFeed,
} from "@antiphon/mesh";
import { consume, eventMigrations } from "@antiphon/mesh/events";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import type { Config } from "./config.ts";
import { recommendationEvents } from "./events.ts";
import { knownTrackStore } from "./known-track-store.ts";
import { syncKnownTracks } from "./known-track-sync.ts";
import { recommender } from "./recommender.ts";
import { recommendationService } from "./service.ts";
import { tasteStore, VERSION_CHANNEL } from "./taste-store.ts";
import { trackReader } from "./track-reader.ts";

export async function build(deps: ServiceDeps, { databaseUrl }: Config): Promise<Served[]> {
  const { client, clock, log, metrics, nats, signal } = deps;
  const pool = openPool(databaseUrl, { log });
  deps.onStop("database", () => pool.end());
  deps.readiness("database", databaseReady(pool));
  await migrate(pool, new URL("../migrations/", import.meta.url), { signal });
  await eventMigrations(pool);

  const catalog = client(CatalogService);
  const taste = tasteStore(pool);
  const known = knownTrackStore(pool);

  const sync = syncKnownTracks({ catalog, known, log, signal });
  deps.readiness("tracks", sync.ready);
  deps.onStop("tracks", () => sync.stopped);

  const consumer = consume(
    { nats, pool, group: "recommendation", log, metrics, signal },
    recommendationEvents({ taste, known, clock }),
  );
  consumer.start();
  deps.onStop("events", () => consumer.stop());

  const feed = new VersionFeed({
    databaseUrl,
    channel: VERSION_CHANNEL,
    versions: taste.versions,
    log,
    signal,
  });
  const listening = feed.run();
  deps.onStop("versions", () => listening);

  const recommend = recommender({ taste, known, clock });
  const tracks = trackReader({ catalog, clock });
  return [
    serve(RecommendationService, recommendationService({ recommend, tracks, known, taste, feed, signal })),
  ];
}
