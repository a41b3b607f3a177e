import { serve } from "@antiphon/mesh";
import { startMesh, type TestMesh } from "@antiphon/mesh/testing";
import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlaylistSchema, Visibility } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import {
  Kind,
  SearchErrorDetailSchema,
  SearchErrorReason,
  SearchService,
} from "@antiphon/proto/antiphon/search/v1/search";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MusicIndex } from "./music-index.ts";
import { searchService } from "./service.ts";

let mesh: TestMesh;
let index: MusicIndex | undefined;
const loaded = new MusicIndex();

beforeAll(async () => {
  loaded.change((to) => {
    for (let n = 0; n < 20; n++)
      to.putTrack(
        create(TrackSchema, {
          id: `trk_${n}`,
          title: `Nocturne ${n}`,
          artist: { id: "art_1", name: "Chopin" },
          album: { id: "alb_1", title: "Nocturnes" },
        }),
      );
    const mine = { id: "pl_1", name: "Nocturnal", ownerId: "lst_me", visibility: Visibility.PRIVATE };
    to.putPlaylist(create(PlaylistSchema, mine));
  });
  const served = [serve(SearchService, searchService({ index: () => index }))];
  mesh = await startMesh({ services: [{ name: "search", served }] });
  index = loaded;
});
afterAll(async () => {
  await mesh.stop();
  loaded.close();
});

type Request = MessageInitShape<typeof SearchService.method.search.input>;
const search = (request: Request, listenerId?: string) =>
  mesh.client(SearchService, { listener: listenerId ? { id: listenerId } : undefined }).search(request);
const failure = async (request: Request) =>
  ConnectError.from(
    await search(request).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

test("every kind is answered, eight of each where no limit is given", async () => {
  const { tracks, albums, artists } = await search({ query: "nocturn" });
  expect(tracks).toHaveLength(8);
  expect(albums).toMatchObject([{ title: "Nocturnes", trackCount: 20 }]);
  expect(artists).toEqual([]);
  expect((await search({ query: "nocturn", limit: 50 })).tracks).toHaveLength(20);
});

test("only the kinds asked for are answered", async () => {
  const found = await search({ query: "chopin", kinds: [Kind.ARTIST, Kind.PLAYLIST] });
  expect(found).toMatchObject({ tracks: [], albums: [], artists: [{ name: "Chopin" }], playlists: [] });
});

test("a private playlist is there for its owner only", async () => {
  expect((await search({ query: "nocturnal" }, "lst_me")).playlists).toMatchObject([{ id: "pl_1" }]);
  expect((await search({ query: "nocturnal" }, "lst_you")).playlists).toEqual([]);
  expect((await search({ query: "nocturnal" })).playlists).toEqual([]);
});

test.each([
  ["query", { query: "" }],
  ["query", { query: " \t\u00a0\n" }],
  ["query", { query: "x".repeat(201) }],
  ["limit", { query: "x", limit: -1 }],
  ["limit", { query: "x", limit: 51 }],
  ["kinds", { query: "x", kinds: [99 as Kind] }],
])("a bad %s is an invalid argument that names it", async (field, request) => {
  const error = await failure(request);
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.message).toContain(`${field}`);
});

test.each(['"', "*", "NEAR(", "🎵", "' OR 1=1 --"])(
  "the query %s finds nothing and breaks nothing",
  async (query) => {
    expect((await search({ query })).tracks).toEqual([]);
  },
);

test("a replica that is still loading is unavailable, with the reason", async () => {
  index = undefined;
  try {
    const error = await failure({ query: "nocturne" });
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(SearchErrorDetailSchema)).toMatchObject([{ reason: SearchErrorReason.LOADING }]);
  } finally {
    index = loaded;
  }
});
