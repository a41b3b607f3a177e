import { event } from "@antiphon/mesh/events";
import {
  PlaylistChangedSchema,
  PlaylistDeletedSchema,
  TrackAddedSchema,
  TrackLikedSchema,
  TrackRemovedFromPlaylistSchema,
  TrackUnlikedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import {
  type LikedTrack,
  type PlaylistItem,
  Visibility,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { newKey, type PlaylistBed, type Playlists, playlistBed } from "../testing/bed.ts";
import { forgetAnswers } from "./idempotency.ts";

let bed: PlaylistBed;
let listeners = 0;

beforeAll(async () => {
  bed = await playlistBed();
});
afterEach(() => {
  bed.catalog.state = "up";
  bed.catalog.tracks.clear();
});
afterAll(() => bed.stop());

/** A listener without a past. */
function newcomer(): { id: string; playlists: Playlists } {
  listeners += 1;
  const id = `lst_${listeners}`;
  return { id, playlists: bed.as(id) };
}

async function create(by: Playlists, name = "Road", visibility = Visibility.UNSPECIFIED): Promise<string> {
  const { playlist } = await by.createPlaylist({ name, visibility, idempotencyKey: newKey() });
  return playlist!.id;
}

async function add(by: Playlists, playlistId: string, trackIds: string[], afterItemId = "") {
  return by.addTracks({ playlistId, trackIds, afterItemId, idempotencyKey: newKey() });
}

const tracksIn = (rows: readonly (PlaylistItem | LikedTrack)[]) =>
  rows.map((row) => [row.trackId, row.track?.title]);
const titles = (items: readonly PlaylistItem[]) => items.map((item) => item.track?.title).join(" ");
const move = (itemId: string, afterItemId = "") => ({
  change: { case: "moveItem" as const, value: { itemId, afterItemId } },
});
const remove = (itemId: string) => ({ change: { case: "removeItem" as const, value: { itemId } } });

test("a new playlist is private, named without blanks around it, and listed", async () => {
  const { id, playlists } = newcomer();
  const { playlist } = await playlists.createPlaylist({ name: " Road trip ", idempotencyKey: newKey() });
  expect(playlist).toMatchObject({
    ownerId: id,
    name: "Road trip",
    visibility: Visibility.PRIVATE,
    revision: 1n,
    trackCount: 0,
  });
  expect((await playlists.listPlaylists({})).playlists).toEqual([playlist]);
});

test("tracks are added at the end or behind an item, in the order of the call", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => bed.catalog.add(name)) as [
    string,
    string,
    string,
    string,
  ];
  const { added } = await add(playlists, playlistId, [a, b]);
  expect(titles(added)).toBe("a b");
  await add(playlists, playlistId, [c, d], added[0]!.itemId);
  const { items, playlist } = await playlists.getPlaylist({ playlistId });
  expect(titles(items)).toBe("a c d b");
  expect(playlist).toMatchObject({ revision: 5n, trackCount: 4 });
});

test("items are moved and removed in one step with a new name", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const trackIds = ["a", "b", "c"].map((name) => bed.catalog.add(name));
  const { added } = await add(playlists, playlistId, trackIds);
  const [a, b, c] = added.map((item) => item.itemId) as [string, string, string];
  const changes = [move(c), remove(b), { change: { case: "rename" as const, value: { name: "Sea" } } }];
  const after = await playlists.applyChanges({ playlistId, changes, idempotencyKey: newKey() });
  expect(titles(after.items)).toBe("c a");
  expect(after.playlist).toMatchObject({ name: "Sea", trackCount: 2 });
  const read = await playlists.getPlaylist({ playlistId });
  expect(read).toMatchObject({ playlist: after.playlist, items: after.items });

  const { changes: log, revision } = await playlists.getChanges({ playlistId, sinceRevision: 4n });
  expect(revision).toBe(7n);
  expect(log.map(({ revision, change }) => [revision, change.case, change.value])).toMatchObject([
    [5n, "moveItem", { itemId: c, afterItemId: "" }],
    [6n, "removeItem", { itemId: b }],
    [7n, "rename", { name: "Sea" }],
  ]);
  expect(a).toBe(read.items[1]?.itemId);
});

test("a change on an old revision is merged with what happened since", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const trackIds = ["a", "b", "c"].map((name) => bed.catalog.add(name));
  const { added, playlist } = await add(playlists, playlistId, trackIds);
  const [a, b, c] = added.map((item) => item.itemId) as [string, string, string];
  const baseRevision = playlist!.revision;
  const apply = (...changes: (ReturnType<typeof move> | ReturnType<typeof remove>)[]) =>
    playlists.applyChanges({ playlistId, baseRevision, changes, idempotencyKey: newKey() });
  await apply(remove(b));
  // The item to go behind is gone, so that is the end; removing what is gone changes nothing.
  expect(titles((await apply(move(a, b))).items)).toBe("c a");
  const last = await apply(remove(b), move(b), move(c, a));
  expect(titles(last.items)).toBe("a c");
  expect(last.playlist?.revision).toBe(baseRevision + 3n);
});

test("changes without effect leave revision, log and events alone", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const changes = [{ change: { case: "rename" as const, value: { name: "Road" } } }];
  const { playlist } = await playlists.applyChanges({ playlistId, changes, idempotencyKey: newKey() });
  expect(playlist?.revision).toBe(1n);
  expect(await bed.published(event(PlaylistChangedSchema), playlistId)).toHaveLength(1);
});

test("a call that is sent again takes effect once, and is answered alike", async () => {
  const { playlists } = newcomer();
  const idempotencyKey = newKey();
  const created = await playlists.createPlaylist({ name: "Road", idempotencyKey });
  expect(await playlists.createPlaylist({ name: "Road", idempotencyKey })).toEqual(created);
  expect((await playlists.listPlaylists({})).playlists).toHaveLength(1);

  const request = {
    playlistId: created.playlist!.id,
    trackIds: [bed.catalog.add("a")],
    idempotencyKey: newKey(),
  };
  const together = await Promise.all(Array.from({ length: 5 }, () => playlists.addTracks(request)));
  for (const answer of together) expect(answer).toEqual(together[0]);
  bed.catalog.state = "away";
  expect(await playlists.addTracks(request)).toEqual(together[0]);
  expect((await playlists.getPlaylist(request)).items).toHaveLength(1);
});

test("answers are forgotten after a day", async () => {
  const { playlists } = newcomer();
  const request = { name: "Road", idempotencyKey: newKey() };
  const day = 24 * 60 * 60 * 1000;
  const first = await playlists.createPlaylist(request);
  await forgetAnswers(bed.pool, bed.clock.now() + day);
  expect(await playlists.createPlaylist(request)).toEqual(first);
  await forgetAnswers(bed.pool, bed.clock.now() + day + 1);
  expect(await playlists.createPlaylist(request)).not.toEqual(first);
});

test("the keys of one listener mean nothing to another", async () => {
  const idempotencyKey = newKey();
  const [one, two] = [newcomer(), newcomer()];
  await one.playlists.createPlaylist({ name: "Road", idempotencyKey });
  const { playlist } = await two.playlists.createPlaylist({ name: "Sea", idempotencyKey });
  expect(playlist).toMatchObject({ ownerId: two.id, name: "Sea" });
});

test.each(["silent", "away"] as const)(
  "a catalog that is %s costs titles, not the playlist",
  async (state) => {
    const { playlists } = newcomer();
    const playlistId = await create(playlists);
    const trackIds = [bed.catalog.add("a", "cov_a")];
    await add(playlists, playlistId, trackIds);
    await playlists.likeTrack({ trackId: trackIds[0]! });
    bed.catalog.state = state;
    const { items, playlist } = await playlists.getPlaylist({ playlistId });
    expect(tracksIn(items)).toEqual([[trackIds[0], undefined]]);
    expect(playlist).toMatchObject({ trackCount: 1, coverIds: ["cov_a"] });
    const { likes } = await playlists.listLikedTracks({});
    expect(tracksIn(likes)).toEqual([[trackIds[0], undefined]]);
  },
);

test("a track that has left the catalog stays as an item without a track", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const [a, b] = [bed.catalog.add("a"), bed.catalog.add("b")];
  await add(playlists, playlistId, [a, b]);
  bed.catalog.tracks.delete(a);
  const { items } = await playlists.getPlaylist({ playlistId });
  expect(tracksIn(items)).toEqual([
    [a, undefined],
    [b, "b"],
  ]);
});

test("a playlist shows the first four different covers of its tracks", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists);
  const covers = ["x", "x", "", "y", "z", "w", "v"];
  const trackIds = covers.map((cover, index) => bed.catalog.add(`t${index}`, cover));
  const { playlist } = await add(playlists, playlistId, trackIds);
  expect(playlist?.coverIds).toEqual(["x", "y", "z", "w"]);
});

test("a deleted playlist does not exist any more, and deleting it again is no error", async () => {
  const { playlists } = newcomer();
  const playlistId = await create(playlists, "Road", Visibility.PUBLIC);
  await add(playlists, playlistId, [bed.catalog.add("a")]);
  await playlists.deletePlaylist({ playlistId });
  await playlists.deletePlaylist({ playlistId });
  await expect(playlists.getPlaylist({ playlistId })).rejects.toMatchObject({ code: Code.NotFound });
  await expect(newcomer().playlists.deletePlaylist({ playlistId })).rejects.toMatchObject({
    code: Code.NotFound,
  });
  expect((await playlists.listPlaylists({})).playlists).toEqual([]);
  expect(await bed.published(event(PlaylistDeletedSchema), playlistId)).toHaveLength(1);
});

test("playlists are listed page by page, latest change first", async () => {
  const { playlists } = newcomer();
  const ids: string[] = [];
  for (const name of ["a", "b", "c", "d", "e"]) {
    // Some of them in the same millisecond.
    if (name !== "c") bed.clock.advance(1);
    ids.push(await create(playlists, name));
  }
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await playlists.listPlaylists({ pageSize: 2, pageToken });
    expect(page.playlists.length).toBeLessThanOrEqual(2);
    seen.push(...page.playlists.map((playlist) => playlist.id));
    pageToken = page.nextPageToken;
  } while (pageToken);
  expect(seen.toSorted()).toEqual(ids.toSorted());
  expect([seen[0], seen[1], seen[4]]).toEqual([ids[4], ids[3], ids[0]]);
});

test("liked songs are listed latest first, and events tell only of what changed", async () => {
  const { id, playlists } = newcomer();
  const trackIds = ["a", "b", "c"].map((name) => bed.catalog.add(name)) as [string, string, string];
  for (const trackId of [...trackIds, trackIds[0]]) {
    bed.clock.advance(1);
    await playlists.likeTrack({ trackId });
  }
  const first = await playlists.listLikedTracks({ pageSize: 2 });
  expect(first.likes.map((like) => like.track?.title)).toEqual(["c", "b"]);
  expect(first.total).toBe(3);
  const second = await playlists.listLikedTracks({ pageSize: 2, pageToken: first.nextPageToken });
  expect(second).toMatchObject({ likes: [{ trackId: trackIds[0] }], nextPageToken: "" });

  await playlists.unlikeTrack({ trackId: trackIds[1] });
  await playlists.unlikeTrack({ trackId: trackIds[1] });
  expect((await playlists.listLikedTracks({})).total).toBe(2);
  const liked = await bed.published(event(TrackLikedSchema), id);
  expect(liked.map((like) => like.trackId)).toEqual(trackIds);
  expect(await bed.published(event(TrackUnlikedSchema), id)).toMatchObject([{ trackId: trackIds[1] }]);
});

test("events tell of each track and of the playlist as it is after the step", async () => {
  const { id, playlists } = newcomer();
  const playlistId = await create(playlists);
  const trackIds = [bed.catalog.add("a"), bed.catalog.add("b")];
  const { added } = await add(playlists, playlistId, trackIds);
  const changes = [remove(added[0]!.itemId)];
  const { playlist } = await playlists.applyChanges({ playlistId, changes, idempotencyKey: newKey() });
  expect(await bed.published(event(TrackAddedSchema), playlistId)).toMatchObject(
    trackIds.map((trackId) => ({ playlistId, listenerId: id, trackId })),
  );
  expect(await bed.published(event(TrackRemovedFromPlaylistSchema), playlistId)).toMatchObject([
    { listenerId: id, trackId: trackIds[0] },
  ]);
  const changed = await bed.published(event(PlaylistChangedSchema), playlistId);
  expect(changed.map((change) => change.playlist?.revision)).toEqual([1n, 3n, 4n]);
  expect(changed.at(-1)?.playlist).toEqual(playlist);
});

test("an export has every playlist that there is, with the number of its last event", async () => {
  const { playlists } = newcomer();
  const open = await create(playlists, "open", Visibility.PUBLIC);
  const closed = await create(playlists, "closed");
  const gone = await create(playlists, "gone");
  await playlists.deletePlaylist({ playlistId: gone });
  await add(playlists, open, [bed.catalog.add("a")]);
  const rows = new Map<string, { visibility: Visibility; keySeq: bigint }>();
  for await (const { playlist, keySeq } of bed.as().exportPlaylists({})) {
    rows.set(playlist!.id, { visibility: playlist!.visibility, keySeq });
  }
  // Created; track added, playlist changed.
  expect(rows.get(open)).toEqual({ visibility: Visibility.PUBLIC, keySeq: 3n });
  expect(rows.get(closed)).toEqual({ visibility: Visibility.PRIVATE, keySeq: 1n });
  expect(rows.has(gone)).toBe(false);
});
