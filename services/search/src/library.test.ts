import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { albumOf, artistOf } from "./library.ts";

const track = (n: number, artist: string, album: string, coverId = "") =>
  create(TrackSchema, {
    id: `trk_${n}`,
    title: `song ${n}`,
    artist: { id: `art_${artist}`, name: artist },
    album: { id: `alb_${album}`, title: album },
    durationMs: 1000,
    year: 2000 + n,
    coverId,
  });

test("an album has the artist of most of its tracks, the latest year and the first cover", () => {
  const album = albumOf([track(1, "guest", "a"), track(2, "host", "a", "c2"), track(3, "host", "a", "c3")]);
  expect(album).toMatchObject({
    id: "alb_a",
    artist: { name: "host" },
    year: 2003,
    coverId: "c2",
    trackCount: 3,
    durationMs: 3000n,
  });
});

test("an artist counts its albums and tracks", () => {
  const artist = artistOf([track(1, "x", "a"), track(2, "x", "a"), track(3, "x", "b")]);
  expect(artist).toMatchObject({ id: "art_x", name: "x", albumCount: 2, trackCount: 3 });
});

test("without tracks there is neither album nor artist", () => {
  expect(albumOf([])).toBeUndefined();
  expect(artistOf([])).toBeUndefined();
});
