import { access } from "node:fs/promises";
import { databaseReady, migrate, openPool, type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { consume, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { cachedCatalog } from "./cached-catalog.ts";
import { catalogStore } from "./catalog-store.ts";
import type { CatalogConfig } from "./config.ts";
import { coverStore } from "./cover-store.ts";
import { followChanges, playerHandlers } from "./events.ts";
import { mediaService } from "./media-service.ts";
import { sizeOlderCovers } from "./older-covers.ts";
import { catalogService } from "./service.ts";
import { trackStore } from "./track-store.ts";

const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** Wires the catalog: its stores, its part in the events, and what it serves. */
export async function build(deps: ServiceDeps, config: CatalogConfig): Promise<readonly Served[]> {
  const { log, signal } = deps;
  const pool = openPool(config.databaseUrl, { log });
  deps.onStop("database", () => pool.end());
  deps.readiness("database", databaseReady(pool));
  await migrate(pool, MIGRATIONS, { signal });
  await eventMigrations(pool, { signal });

  const outbox = openOutbox({ ...deps, pool, service: deps.name });
  const store = catalogStore(pool);
  const cached = cachedCatalog(store);
  const tracks = trackStore({ pool, outbox, fileExists });

  const consumer = consume({ ...deps, pool, group: deps.name }, playerHandlers(tracks));
  const follower = followChanges(deps, cached);
  outbox.start();
  consumer.start();
  deps.onStop("events", () => Promise.all([outbox.stop(), consumer.stop(), follower.stop()]));

  const sizing = sizeOlderCovers({ pool, log, signal });
  deps.onStop("covers", () => sizing);

  return [
    serve(CatalogService, catalogService({ store, cached, tracks, draining: signal })),
    serve(MediaService, mediaService(coverStore(pool))),
  ];
}

async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
