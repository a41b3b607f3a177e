import { migrate, openPool, serve } from "@antiphon/mesh";
import { type EventType, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { freshDatabase, ManualClock, startMesh, type TestMesh } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type pg from "pg";
import { tracksOf } from "../src/catalog.ts";
import { playlistService } from "../src/service.ts";
import { FakeCatalog } from "./fake-catalog.ts";

export type Playlists = Client<typeof PlaylistService>;

/** Two replicas of the service on a database of their own and a fake catalog, all on real sockets. */
export interface PlaylistBed {
  readonly mesh: TestMesh;
  readonly pool: pg.Pool;
  readonly catalog: FakeCatalog;
  readonly clock: ManualClock;
  /** Calls as this listener; without one as nobody. */
  as(listenerId?: string): Playlists;
  /** The events of this type and key, in their order. Nothing carries them to a broker. */
  published<S extends DescMessage>(type: EventType<S>, key: string): Promise<MessageShape<S>[]>;
  stop(): Promise<void>;
}

export async function playlistBed(): Promise<PlaylistBed> {
  const database = await freshDatabase();
  const pool = openPool(database.url);
  await migrate(pool, new URL("../migrations/", import.meta.url));
  await eventMigrations(pool);
  const catalog = new FakeCatalog();
  const clock = new ManualClock();
  const mesh = await startMesh({ services: [{ name: "catalog", served: [catalog.served()] }] });
  const deps = mesh.deps("playlist");
  const outbox = openOutbox({ ...deps, pool, service: "playlist" });
  const service = playlistService({ pool, outbox, clock, tracks: tracksOf(deps.client(CatalogService)) });
  await mesh.add({ name: "playlist", replicas: 2, served: [serve(PlaylistService, service)] });
  return {
    mesh,
    pool,
    catalog,
    clock,
    as: (id) => mesh.client(PlaylistService, { listener: id === undefined ? undefined : { id } }),
    async published(type, key) {
      const { rows } = await pool.query<{ payload: Buffer }>(
        "SELECT payload FROM outbox WHERE type = $1 AND key = $2 ORDER BY key_seq",
        [type.type, key],
      );
      return rows.map((row) => fromBinary(type.schema, row.payload));
    },
    async stop() {
      await mesh.stop();
      await pool.end();
      await database.drop();
    },
  };
}

/** A key that no call has had before. */
export function newKey(): string {
  return crypto.randomUUID();
}
