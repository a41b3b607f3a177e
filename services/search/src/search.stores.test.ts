import { newId, openPool, serve, withTransaction } from "@antiphon/mesh";
import { event, eventMigrations, type Outbox, openOutbox } from "@antiphon/mesh/events";
import {
  backing,
  freshDatabase,
  startMesh,
  type TestDatabase,
  type TestMesh,
  until,
} from "@antiphon/mesh/testing";
import { CatalogService, type Track, TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  TrackChangedSchema,
  TrackImportedSchema,
  TrackRemovedSchema,
} from "@antiphon/proto/antiphon/catalog/v1/events";
import {
  PlaylistChangedSchema,
  PlaylistDeletedSchema,
  TrackAddedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import {
  type Playlist,
  PlaylistSchema,
  PlaylistService,
  Visibility,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { SearchService } from "@antiphon/proto/antiphon/search/v1/search";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "./build.ts";

/** What the owners export: each row with the key_seq of its last event. */
const tracks = new Map<string, { track: Track; keySeq: bigint }>();
const playlists = new Map<string, { playlist: Playlist; keySeq: bigint }>();
let exportsBegun = 0;

const catalog: Pick<ServiceImpl<typeof CatalogService>, "exportTracks"> = {
  async *exportTracks() {
    exportsBegun++;
    yield* tracks.values();
  },
};
const playlist: Pick<ServiceImpl<typeof PlaylistService>, "exportPlaylists"> = {
  async *exportPlaylists() {
    yield* playlists.values();
  },
};

let mesh: TestMesh;
let database: TestDatabase;
let owners: Pool;
let outbox: Outbox;

const aTrack = (title: string, id = newId("trk")) =>
  create(TrackSchema, {
    id,
    title,
    artist: { id: "art_1", name: "Artist" },
    album: { id: "alb_1", title: "Album" },
  });
const aPlaylist = (name: string, visibility = Visibility.PUBLIC, id = newId("pl")) =>
  create(PlaylistSchema, { id, name, visibility, ownerId: "lst_owner" });

beforeAll(async () => {
  database = await freshDatabase();
  owners = openPool(database.url);
  await eventMigrations(owners);
  mesh = await startMesh({ config: { natsUrl: backing().natsUrl } });
  const { nats, log, metrics } = mesh.deps("owners");
  outbox = openOutbox({ pool: owners, service: "owners", nats, log, metrics });
  outbox.start();
});
afterAll(async () => {
  await outbox.stop();
  await mesh.stop();
  await owners.end();
  await database.drop();
});

async function publish<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Promise<void> {
  await withTransaction(owners, (tx) => outbox.publish(tx, event(schema), create(schema, message)));
}
/** The key's next event gets the number after this one, as if those up to it had been published long ago. */
async function publishedBefore(aggregate: string, key: string, seq: bigint): Promise<void> {
  await owners.query("INSERT INTO event_key (aggregate, key, seq) VALUES ($1, $2, $3)", [
    aggregate,
    key,
    seq,
  ]);
}
/** What both replicas find; calls are spread over them. */
async function titles(query: string, listenerId?: string): Promise<string[]> {
  const client = mesh.client(SearchService, { listener: listenerId ? { id: listenerId } : undefined });
  const answers = await Promise.all(Array.from({ length: 6 }, () => client.search({ query })));
  const found = answers.map((answer) => [
    ...answer.tracks.map(({ title }) => title),
    ...answer.playlists.map(({ name }) => name),
  ]);
  return [...new Set(found.flat())];
}
const finds = (query: string, ...expected: string[]) =>
  until(async () => JSON.stringify(await titles(query)) === JSON.stringify(expected), {
    what: `"${query}" to find ${expected}`,
  });

test("a replica is ready when both owners have told it everything, and waits for them", async () => {
  const old = aTrack("Zanzibar");
  tracks.set(old.id, { track: old, keySeq: 40n });
  playlists.set("pl_old", {
    playlist: aPlaylist("Zanzibar nights", Visibility.PUBLIC, "pl_old"),
    keySeq: 3n,
  });
  await mesh.add({
    name: "catalog",
    served: [serve(CatalogService, catalog as ServiceImpl<typeof CatalogService>)],
  });

  let ready = false;
  const search = mesh.add({ name: "search", replicas: 2, build }).then(() => {
    ready = true;
  });
  await until(() => exportsBegun >= 3);
  expect(ready).toBe(false);

  const served = [serve(PlaylistService, playlist as ServiceImpl<typeof PlaylistService>)];
  await mesh.add({ name: "playlist", served });
  await search;
  // Their events are in no stream any more: the export alone has them.
  expect(await titles("zanz")).toEqual(["Zanzibar", "Zanzibar nights"]);
});

test("every replica follows what the owners publish", async () => {
  const track = aTrack("Quixotic");
  await publish(TrackImportedSchema, { trackId: track.id, track });
  await finds("quixo", "Quixotic");
  await publish(TrackChangedSchema, { trackId: track.id, track: aTrack("Windmills", track.id) });
  await finds("quixo");
  await finds("windmi", "Windmills");
  await publish(TrackRemovedSchema, { trackId: track.id });
  await finds("windmi");
});

test("playlists follow too, and turn private at once", async () => {
  const shared = aPlaylist("Kilimanjaro");
  await publish(PlaylistChangedSchema, { playlistId: shared.id, playlist: shared });
  await finds("kilim", "Kilimanjaro");
  await publish(TrackAddedSchema, { playlistId: shared.id, trackId: newId("trk") });
  const hidden = { ...shared, visibility: Visibility.PRIVATE };
  await publish(PlaylistChangedSchema, { playlistId: shared.id, playlist: hidden });
  await finds("kilim");
  expect(await titles("kilim", "lst_owner")).toEqual(["Kilimanjaro"]);
  await publish(PlaylistDeletedSchema, { playlistId: shared.id });
  await until(async () => (await titles("kilim", "lst_owner")).length === 0);
});

test("an event that the export had already is not applied over it", async () => {
  const track = aTrack("Xylophone new");
  tracks.set(track.id, { track, keySeq: 2n });
  await mesh.add({ name: "search", build });
  // Late from the stream: the second and then the third event of the track.
  await publishedBefore("catalog.track", track.id, 1n);
  await publish(TrackChangedSchema, { trackId: track.id, track: aTrack("Xylophone old", track.id) });
  const after = aTrack("Yellowstone");
  await publish(TrackImportedSchema, { trackId: after.id, track: after });
  await finds("yellowst", "Yellowstone");
  const newest = mesh.replicas("search").at(-1)!;
  const target = `static:///127.0.0.1:${newest.registration.port}`;
  const client = mesh.client(SearchService, { target });
  const found = async () => (await client.search({ query: "xylophone" })).tracks.map(({ title }) => title);
  expect(await found()).toEqual(["Xylophone new"]);
  await publish(TrackChangedSchema, { trackId: track.id, track: aTrack("Xylophone newest", track.id) });
  await until(async () => (await found()).join() === "Xylophone newest");
});

test("a replica that missed events loads everything again, and searches go on meanwhile", async () => {
  const track = aTrack("Marimba");
  await publish(TrackImportedSchema, { trackId: track.id, track });
  await finds("marimba", "Marimba");
  // Its events two to four are lost; what they did is in the export.
  await owners.query("UPDATE event_key SET seq = 4 WHERE key = $1", [track.id]);
  const unheard = aTrack("Unheard glockenspiel");
  tracks.set(unheard.id, { track: unheard, keySeq: 1n });
  tracks.set(track.id, { track: aTrack("Marimba again", track.id), keySeq: 5n });
  const begunBefore = exportsBegun;
  await publish(TrackChangedSchema, { trackId: track.id, track: aTrack("Marimba again", track.id) });
  await finds("glockensp", "Unheard glockenspiel");
  expect(exportsBegun).toBeGreaterThan(begunBefore);
  expect(await titles("marimba")).toEqual(["Marimba again"]);
});
