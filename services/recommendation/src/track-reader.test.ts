import { ManualClock } from "@antiphon/mesh/testing";
import { BatchGetTracksResponseSchema, TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type TrackReaderDeps, trackReader } from "./track-reader.ts";

function fakeCatalog(...ids: string[]) {
  const titles = new Map(ids.map((id) => [id, `title of ${id}`]));
  const asked: string[][] = [];
  const state = { away: false };
  const catalog = {
    async batchGetTracks({ trackIds = [] }: { trackIds?: string[] }) {
      asked.push(trackIds);
      if (state.away) throw new ConnectError("away", Code.Unavailable);
      return create(BatchGetTracksResponseSchema, {
        tracks: trackIds
          .filter((id) => titles.has(id))
          .map((id) => create(TrackSchema, { id, title: titles.get(id)! })),
        missingIds: trackIds.filter((id) => !titles.has(id)),
      });
    },
  } as TrackReaderDeps["catalog"];
  return { catalog, titles, asked, state };
}

test("the catalog is asked once for what is needed, and again only when that has become old", async () => {
  const clock = new ManualClock();
  const { catalog, asked, titles } = fakeCatalog("a", "b", "c");
  const tracks = trackReader({ catalog, clock });
  expect([...(await tracks.read(["a", "b", "a", "gone"])).keys()]).toEqual(["a", "b"]);
  titles.set("a", "changed");
  await tracks.read(["a", "c"]);
  expect(asked).toEqual([["a", "b", "gone"], ["c"]]);
  clock.advance(10_000);
  expect((await tracks.read(["a"])).get("a")?.title).toBe("changed");
});

test("while the catalog is away the tracks seen before are served", async () => {
  const clock = new ManualClock();
  const { catalog, state } = fakeCatalog("a", "b");
  const tracks = trackReader({ catalog, clock });
  await tracks.read(["a"]);
  clock.advance(60_000);
  state.away = true;
  expect([...(await tracks.read(["a", "b"])).keys()]).toEqual(["a"]);
  await expect(tracks.read(["b"])).rejects.toMatchObject({ code: Code.Unavailable });
});

test("a track that the catalog has removed is gone here too", async () => {
  const clock = new ManualClock();
  const { catalog, titles } = fakeCatalog("a");
  const tracks = trackReader({ catalog, clock });
  await tracks.read(["a"]);
  titles.delete("a");
  clock.advance(10_000);
  expect((await tracks.read(["a"])).size).toBe(0);
});
