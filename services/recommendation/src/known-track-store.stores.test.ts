import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type KnownTrack, type KnownTrackStore, knownTrackStore } from "./known-track-store.ts";
import { rankAlike } from "./likeness.ts";
import { recommendationDatabase, track } from "./recommendation.fixture.ts";

let database: Awaited<ReturnType<typeof recommendationDatabase>>;
let known: KnownTrackStore;

beforeEach(async () => {
  database = await recommendationDatabase();
  known = knownTrackStore(database.pool);
});
afterEach(() => database.close());

const [a, b, c] = [track("a"), track("b"), track("c")];
const at = (importedAtMs: number, each: Track, keySeq = 1n): KnownTrack => ({
  track: each,
  keySeq,
  importedAtMs,
});
async function* exported(...tracks: KnownTrack[]) {
  yield* tracks;
}

test("the latest imports come first", async () => {
  await known.put([at(1000, a), at(3000, b), at(2000, c)]);
  expect(await known.newest(2)).toEqual([b.id, c.id]);
  expect(await known.newest(2, [b.id])).toEqual([c.id, a.id]);
});

test("a change does not make a track new again", async () => {
  await known.put([at(1000, a), at(2000, b)]);
  await known.put([at(9000, a, 2n)]);
  expect(await known.newest(2)).toEqual([b.id, a.id]);
});

test("a removed track stays removed when an older event or export of it comes late", async () => {
  await known.put([at(1000, a)]);
  await known.remove(a.id, 3n);
  await known.put([at(1000, a, 2n)]);
  expect(await known.has(a.id)).toBe(false);
  expect(await known.isEmpty()).toBe(true);
  await known.remove(b.id, 2n);
  await known.reconcile(exported(at(1000, b, 1n)));
  expect(await known.has(b.id)).toBe(false);
});

test("a track that is imported again is back, as a new one", async () => {
  await known.put([at(1000, a), at(2000, b)]);
  await known.remove(a.id, 2n);
  await known.put([at(3000, a, 3n)]);
  expect(await known.newest(2)).toEqual([a.id, b.id]);
});

test("an export brings what events did not, and takes away what it does not have", async () => {
  await known.put([at(1000, a), at(1000, b)]);
  await known.reconcile(exported(at(1000, b), at(2000, c)));
  expect(await known.newest(5)).toEqual([c.id, b.id]);
});

test("what an event brings while an export is read is not taken away", async () => {
  await known.put([at(1000, a)]);
  await known.reconcile(
    (async function* () {
      yield at(1000, b);
      await known.put([at(4000, c, 1n), at(3000, a, 5n)]);
    })(),
  );
  expect((await known.newest(5)).sort()).toEqual([a.id, b.id, c.id].sort());
});

test("an export that breaks off takes nothing away", async () => {
  await known.put([at(1000, a)]);
  const broken = (async function* () {
    yield at(1000, b);
    throw new Error("catalog went away");
  })();
  await expect(known.reconcile(broken)).rejects.toThrow("catalog went away");
  expect(await known.has(a.id)).toBe(true);
});

test("tracks are alike by album, artist and genres, in this order", async () => {
  const seed = track("seed", { album: "A", artist: "X", genres: ["Rock", "Indie"] });
  const sameAlbum = track("1", { album: "A", artist: "X", genres: ["rock"] });
  const sameArtist = track("2", { artist: "X" });
  const sameGenre = track("3", { genres: ["INDIE"] });
  const other = track("4", { genres: ["Jazz"] });
  await known.put([seed, sameAlbum, sameArtist, sameGenre, other].map((each) => at(0, each)));
  const alike = await known.alike([seed.id]);
  expect(rankAlike(alike)).toEqual([sameAlbum.id, sameArtist.id, sameGenre.id]);
  await known.remove(sameArtist.id, 2n);
  expect(rankAlike(await known.alike([seed.id]))).toEqual([sameAlbum.id, sameGenre.id]);
});

test("tracks without tags are not alike because of it", async () => {
  const untagged = (title: string) => ({ ...track(title), artist: undefined, album: undefined }) as Track;
  await known.put([untagged("1"), untagged("2")].map((each) => at(0, each)));
  expect(await known.alike([untagged("1").id])).toEqual([]);
});
