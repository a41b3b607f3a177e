import { openPool, withTransaction } from "@antiphon/mesh";
import { event, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import {
  backing,
  freshDatabase,
  startMesh,
  type TestDatabase,
  type TestMesh,
  until,
} from "@antiphon/mesh/testing";
import { TrackChangedSchema, TrackRemovedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import { PlaylistService } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newKey } from "../testing/bed.ts";
import { FakeCatalog } from "../testing/fake-catalog.ts";
import { build } from "./build.ts";
import { loadConfig } from "./config.ts";

let database: TestDatabase;
let catalogDatabase: TestDatabase;
let catalogPool: pg.Pool;
let mesh: TestMesh;
const catalog = new FakeCatalog();

beforeAll(async () => {
  [database, catalogDatabase] = await Promise.all([freshDatabase(), freshDatabase()]);
  const config = loadConfig({ ANTIPHON_DATABASE_URL: database.url });
  mesh = await startMesh({
    config: { natsUrl: backing().natsUrl },
    services: [
      { name: "catalog", served: [catalog.served()] },
      { name: "playlist", replicas: 2, build: (deps) => build(deps, config) },
    ],
  });
  catalogPool = openPool(catalogDatabase.url);
  await eventMigrations(catalogPool);
});
afterAll(async () => {
  await mesh.stop();
  await catalogPool.end();
  await Promise.all([database.drop(), catalogDatabase.drop()]);
});

test("covers follow the catalog's events, on every replica", async () => {
  const outbox = openOutbox({ ...mesh.deps("catalog"), pool: catalogPool, service: "catalog" });
  const publish = <S extends DescMessage>(schema: S, message: MessageInitShape<S>) =>
    withTransaction(catalogPool, (tx) => outbox.publish(tx, event(schema), create(schema, message)));
  outbox.start();

  const playlists = mesh.client(PlaylistService, { listener: { id: "lst_me" } });
  const trackId = catalog.add("a", "old");
  const { playlist } = await playlists.createPlaylist({ name: "Road", idempotencyKey: newKey() });
  const playlistId = playlist!.id;
  const added = await playlists.addTracks({ playlistId, trackIds: [trackId], idempotencyKey: newKey() });
  expect(added.playlist?.coverIds).toEqual(["old"]);

  const covers = async () => (await playlists.getPlaylist({ playlistId })).playlist?.coverIds.join();
  await publish(TrackChangedSchema, { trackId, track: { id: trackId, coverId: "new" } });
  await until(async () => (await covers()) === "new", { what: "the new cover" });
  await publish(TrackRemovedSchema, { trackId });
  await until(async () => (await covers()) === "", { what: "no cover" });
  expect((await playlists.getPlaylist({ playlistId })).items).toMatchObject([{ trackId }]);
  await outbox.stop();
});

test("what happens to playlists reaches the broker", async () => {
  const pool = openPool(database.url);
  const waiting = async () => (await pool.query("SELECT FROM outbox")).rowCount;
  const playlists = mesh.client(PlaylistService, { listener: { id: "lst_me" } });
  await playlists.createPlaylist({ name: "Sea", idempotencyKey: newKey() });
  await until(async () => (await waiting()) === 0, { what: "an empty outbox" });
  const { rows } = await pool.query("SELECT type FROM outbox_sent WHERE aggregate = 'playlist.playlist'");
  expect(rows).toContainEqual({ type: "playlist.playlist_changed.v1" });
  await pool.end();
});
