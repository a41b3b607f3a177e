import { databaseReady, migrate, openPool, type Served, type ServiceDeps, serve } from "@antiphon/mesh";
import { consume, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { tracksOf } from "./catalog.ts";
import type { PlaylistConfig } from "./config.ts";
import { catalogHandlers } from "./events.ts";
import { keepForgetting } from "./idempotency.ts";
import { playlistService } from "./service.ts";

const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** Wires the playlists: their store, their part in the events, and what they serve. */
export async function build(deps: ServiceDeps, config: PlaylistConfig): Promise<readonly Served[]> {
  const { log, signal, clock } = deps;
  const pool = openPool(config.databaseUrl, { log });
  deps.onStop("database", () => pool.end());
  deps.readiness("database", databaseReady(pool));
  await migrate(pool, MIGRATIONS, { signal });
  await eventMigrations(pool, { signal });

  const outbox = openOutbox({ ...deps, pool, service: deps.name });
  const consumer = consume({ ...deps, pool, group: "playlist", concurrency: 2 }, catalogHandlers);
  outbox.start();
  consumer.start();
  deps.onStop("outbox", () => outbox.stop());
  deps.onStop("consumer", () => consumer.stop());
  keepForgetting(pool, deps);

  const tracks = tracksOf(deps.client(CatalogService));
  return [serve(PlaylistService, playlistService({ pool, tracks, outbox, clock }))];
}
