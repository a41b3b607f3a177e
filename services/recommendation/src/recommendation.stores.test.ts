import { newId, openPool, withTransaction } from "@antiphon/mesh";
import { event, eventMigrations, type Outbox, openOutbox } from "@antiphon/mesh/events";
import {
  backing,
  freshDatabase,
  startMesh,
  type TestDatabase,
  type TestMesh,
  until,
} from "@antiphon/mesh/testing";
import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { TrackImportedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import { PlaybackQualifiedSchema, PlaybackSkippedSchema } from "@antiphon/proto/antiphon/player/v1/events";
import {
  TrackAddedSchema,
  TrackLikedSchema,
  TrackUnlikedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import {
  RecommendationErrorDetailSchema,
  RecommendationErrorReason,
  RecommendationService,
  ShelfKind,
} from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build } from "./build.ts";
import { loadConfig } from "./config.ts";
import { FakeCatalog, track } from "./recommendation.fixture.ts";

const album = (n: number) => track(`Song ${n}`, { album: "Album", artist: "Band", genres: ["rock"] });
const songs = Array.from({ length: 8 }, (_, n) => album(n));
const others = Array.from({ length: 8 }, (_, n) => track(`Other ${n}`, { genres: [`genre ${n}`] }));
const [song, secondSong] = songs as [Track, Track];
const catalog = new FakeCatalog(...songs, ...others);

let mesh: TestMesh;
let databases: TestDatabase[];
let owners: Pool;
let outbox: Outbox;

beforeAll(async () => {
  databases = await Promise.all([freshDatabase(), freshDatabase()]);
  const [own, ofOwners] = databases as [TestDatabase, TestDatabase];
  mesh = await startMesh({
    config: { natsUrl: backing().natsUrl },
    services: [
      { name: "catalog", served: [catalog.served] },
      {
        name: "recommendation",
        replicas: 2,
        build: (deps) => build(deps, loadConfig({ ANTIPHON_DATABASE_URL: own.url })),
      },
    ],
  });
  owners = openPool(ofOwners.url);
  await eventMigrations(owners);
  const { nats, log, metrics } = mesh.deps("owners");
  outbox = openOutbox({ pool: owners, service: "owners", nats, log, metrics });
  outbox.start();
});
afterAll(async () => {
  await outbox.stop();
  await mesh.stop();
  await owners.end();
  await Promise.all(databases.map((database) => database.drop()));
});

async function publish<S extends DescMessage>(schema: S, message: MessageInitShape<S>): Promise<void> {
  await withTransaction(owners, (tx) => outbox.publish(tx, event(schema), create(schema, message)));
}
const play = (listenerId: string, { id: trackId }: Track) =>
  publish(PlaybackQualifiedSchema, { listenerId, trackId, playbackId: newId("pb") });

function as(id: string) {
  const client = mesh.client(RecommendationService, { listener: { id } });
  return {
    ...client,
    async shelves() {
      const { shelves, version } = await client.getHome({});
      return { version, of: (kind: ShelfKind) => shelves.filter((shelf) => shelf.kind === kind), shelves };
    },
    version: async () => (await client.getHome({})).version,
  };
}
const titles = (tracks: readonly Track[]) => tracks.map(({ title }) => title);

describe("home", () => {
  test("a new listener sees what is new", async () => {
    const { shelves, version, of } = await as(newId("lst")).shelves();
    expect(version).toBe(0n);
    expect(shelves.length).toBeGreaterThan(0);
    expect(titles(of(ShelfKind.NEW)[0]!.tracks).sort()).toEqual(titles([...songs, ...others]).sort());
    expect(of(ShelfKind.BECAUSE)).toEqual([]);
  });

  test("after one played song there are shelves because of it, filled by what is alike before anybody's taste is known", async () => {
    const listener = newId("lst");
    await play(listener, song);
    await until(async () => (await as(listener).version()) === 1n);
    const { of } = await as(listener).shelves();
    const [because] = of(ShelfKind.BECAUSE);
    expect(because).toMatchObject({ title: "Because you listened to Song 0", seed: { id: song.id } });
    expect(titles(because!.tracks.slice(0, 7)).sort()).toEqual(titles(songs.slice(1)).sort());
    expect(titles(of(ShelfKind.FOR_YOU)[0]!.tracks)).not.toContain("Song 0");
    expect(titles(of(ShelfKind.POPULAR)[0]!.tracks)).toContain("Song 0");
  });

  test("adding to a playlist, liking and unliking change it too", async () => {
    const listener = newId("lst");
    const { id: trackId } = secondSong;
    await publish(TrackAddedSchema, { listenerId: listener, trackId, playlistId: newId("pl") });
    await until(async () => (await as(listener).version()) === 1n);
    const seeds = async () => (await as(listener).shelves()).of(ShelfKind.BECAUSE).map(({ title }) => title);
    expect(await seeds()).toEqual(["Because you added Song 1"]);
    await publish(TrackLikedSchema, { listenerId: listener, trackId: song.id });
    await until(async () => (await as(listener).version()) === 2n);
    expect(await seeds()).toEqual(["Because you like Song 0", "Because you added Song 1"]);
    await publish(TrackUnlikedSchema, { listenerId: listener, trackId: song.id });
    await until(async () => (await as(listener).version()) === 3n);
    expect(await seeds()).toEqual(["Because you added Song 1"]);
  });

  test("what others hear together is recommended before what is only alike", async () => {
    const [goesWith] = others as [Track];
    const last = songs.at(-1)!;
    for (let n = 0; n < 3; n++) {
      const listener = newId("lst");
      await play(listener, last);
      await play(listener, goesWith);
      await until(async () => (await as(listener).version()) === 2n);
    }
    const listener = newId("lst");
    await play(listener, last);
    await until(async () => (await as(listener).version()) === 1n);
    const [because] = (await as(listener).shelves()).of(ShelfKind.BECAUSE);
    expect(because?.tracks[0]?.title).toBe("Other 0");
    const { tracks } = await as(listener).listSimilarTracks({ trackId: last.id, limit: 1 });
    expect(titles(tracks)).toEqual(["Other 0"]);
  });

  test("what was skipped is not chosen for the listener", async () => {
    const listener = newId("lst");
    await play(listener, song);
    await until(async () => (await as(listener).version()) === 1n);
    const chosen = async () => titles((await as(listener).shelves()).of(ShelfKind.FOR_YOU)[0]!.tracks);
    const [first] = await chosen();
    const { id: trackId } = [...songs, ...others].find(({ title }) => title === first)!;
    await publish(PlaybackSkippedSchema, {
      listenerId: listener,
      trackId,
      playbackId: "pb",
      positionMs: 4000,
    });
    await until(async () => (await as(listener).version()) === 2n);
    expect(await chosen()).not.toContain(first);
  });

  test("a track that is imported later is recommended", async () => {
    const late = track("Late arrival", { album: "Album", artist: "Band" });
    catalog.tracks.set(late.id, late);
    await publish(TrackImportedSchema, { trackId: late.id, track: late });
    const similar = async () =>
      (await as(newId("lst")).listSimilarTracks({ trackId: song.id, limit: 100 })).tracks;
    await until(async () => titles(await similar()).includes("Late arrival"));
    expect((await as(newId("lst")).getRadio({ seedTrackId: late.id })).tracks).not.toEqual([]);
  });
});

describe("radio", () => {
  test("it plays every track once, none twice, and ends only with the library", async () => {
    const radio = as(newId("lst"));
    const played: string[] = [];
    for (;;) {
      const { tracks } = await radio.getRadio({ seedTrackId: song.id, playedIds: played, limit: 5 });
      if (tracks.length === 0) break;
      played.push(...tracks.map(({ id }) => id));
    }
    expect(played.toSorted()).toEqual([...catalog.tracks.keys()].filter((id) => id !== song.id).sort());
  });

  test("what the listener skipped comes last", async () => {
    const listener = newId("lst");
    const { id: trackId } = secondSong;
    await publish(PlaybackSkippedSchema, { listenerId: listener, trackId, playbackId: "pb", positionMs: 1 });
    await until(async () => (await as(listener).version()) === 1n);
    const { tracks } = await as(listener).getRadio({ seedTrackId: song.id, limit: 100 });
    expect(tracks.at(-1)?.id).toBe(trackId);
  });
});

describe("the stream of versions", () => {
  test("it tells the version at once and each change, whichever replica handled the event", async () => {
    const listener = newId("lst");
    const leave = new AbortController();
    const streams = Array.from({ length: 4 }, () =>
      as(listener).watchRecommendations({}, { signal: leave.signal })[Symbol.asyncIterator](),
    );
    for (const stream of streams) expect((await stream.next()).value).toMatchObject({ version: 0n });
    await play(listener, song);
    for (const stream of streams) expect((await stream.next()).value).toMatchObject({ version: 1n });
    leave.abort();
    for (const stream of streams) await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
  });
});

test("a replica that drains ends its streams without an error", async () => {
  const url = databases[0]!.url;
  const [replica] = await mesh.add({
    name: "recommendation",
    build: (deps) => build(deps, loadConfig({ ANTIPHON_DATABASE_URL: url })),
  });
  const target = `static:///127.0.0.1:${replica!.registration.port}`;
  const client = mesh.client(RecommendationService, { listener: { id: newId("lst") }, target });
  const stream = client.watchRecommendations({})[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ version: 0n });
  const [end] = await Promise.all([stream.next(), replica!.stop()]);
  expect(end.done).toBe(true);
});

describe("bad input", () => {
  const listener = () => as(newId("lst"));

  test("a track nobody knows is not found, with the reason", async () => {
    const trackId = `trk_${"0".repeat(20)}`;
    for (const call of [
      () => listener().listSimilarTracks({ trackId }),
      () => listener().getRadio({ seedTrackId: trackId }),
    ]) {
      const error = ConnectError.from(await call().catch((reason: unknown) => reason));
      expect(error.code).toBe(Code.NotFound);
      expect(error.findDetails(RecommendationErrorDetailSchema)).toMatchObject([
        { reason: RecommendationErrorReason.TRACK_NOT_FOUND, subject: trackId },
      ]);
    }
  });

  test.each([
    ["track_id", () => listener().listSimilarTracks({ trackId: "track 1" })],
    ["limit", () => listener().listSimilarTracks({ trackId: song.id, limit: -1 })],
    ["limit", () => listener().getRadio({ seedTrackId: song.id, limit: 101 })],
    ["seed_track_id", () => listener().getRadio({ seedTrackId: "" })],
    ["played_ids", () => listener().getRadio({ seedTrackId: song.id, playedIds: ["x"] })],
  ])("a bad %s is an invalid argument that names it", async (field, call) => {
    const error = ConnectError.from(await call().catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.message).toContain(field);
  });

  test("nobody's home, radio and versions are not told", async () => {
    const nobody = mesh.client(RecommendationService);
    await expect(nobody.getHome({})).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(nobody.getRadio({ seedTrackId: song.id })).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
    const stream = nobody.watchRecommendations({})[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: Code.Unauthenticated });
  });

  test("a malformed event is put aside and the next one counts", async () => {
    const listener = newId("lst");
    const { subject } = event(PlaybackQualifiedSchema);
    const nats = await mesh.deps("vandal").nats();
    nats.publish(subject(listener), Buffer.from("no event at all"));
    await play(listener, song);
    await until(async () => (await as(listener).version()) === 1n);
  });
});

test("while the catalog is away, home shows the tracks seen before", async () => {
  const before = await as(newId("lst")).shelves();
  catalog.away = true;
  try {
    const { shelves } = await as(newId("lst")).shelves();
    expect(shelves.map(({ kind }) => kind)).toEqual(before.shelves.map(({ kind }) => kind));
  } finally {
    catalog.away = false;
  }
});
