import { newId } from "@antiphon/mesh";
import {
  PlaylistErrorDetailSchema,
  PlaylistErrorReason,
  Visibility,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { newKey, type PlaylistBed, type Playlists, playlistBed } from "../testing/bed.ts";
import { MAX_ITEMS } from "./playlist.ts";

let bed: PlaylistBed;
let mine: Playlists;
let theirs: Playlists;

beforeAll(async () => {
  bed = await playlistBed();
  mine = bed.as("lst_me");
  theirs = bed.as("lst_you");
});
afterEach(() => {
  bed.catalog.state = "up";
});
afterAll(() => bed.stop());

/** The error of a call, with its reason and subject. */
async function errorOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (cause) => ConnectError.from(cause),
  );
  if (!error) throw new Error("the call was answered");
  const [detail] = error.findDetails(PlaylistErrorDetailSchema);
  return { code: error.code, message: error.rawMessage, reason: detail?.reason, subject: detail?.subject };
}

async function create(by = mine, visibility = Visibility.PRIVATE): Promise<string> {
  const { playlist } = await by.createPlaylist({ name: "Road", visibility, idempotencyKey: newKey() });
  return playlist!.id;
}

const rename = (name: string) => [{ change: { case: "rename" as const, value: { name } } }];
const ID = "pl_00000000000000000000";
const TRACK = "trk_00000000000000000000";
const LONG = "x".repeat(10_000);

/** Every call that names a playlist, but for the one that reads it. */
const changing: [string, (as: Playlists, playlistId: string) => Promise<unknown>][] = [
  [
    "AddTracks",
    (as, playlistId) =>
      as.addTracks({ playlistId, trackIds: [bed.catalog.add("any")], idempotencyKey: newKey() }),
  ],
  [
    "ApplyChanges",
    (as, playlistId) =>
      as.applyChanges({ playlistId, changes: rename("Mine now"), idempotencyKey: newKey() }),
  ],
  ["DeletePlaylist", (as, playlistId) => as.deletePlaylist({ playlistId })],
];
const reading: typeof changing = [
  ["GetPlaylist", (as, playlistId) => as.getPlaylist({ playlistId })],
  ["GetChanges", (as, playlistId) => as.getChanges({ playlistId })],
];

test.each<[string, RegExp, (as: Playlists) => Promise<unknown>]>([
  ["a malformed id", /^playlist_id: /, (as) => as.getPlaylist({ playlistId: "42" })],
  ["a malformed id to delete", /^playlist_id: /, (as) => as.deletePlaylist({ playlistId: "pl_" })],
  ["a malformed id for changes", /^playlist_id: /, (as) => as.getChanges({ playlistId: TRACK })],
  ["a malformed track id to like", /^track_id: /, (as) => as.likeTrack({ trackId: "x" })],
  ["a malformed track id to unlike", /^track_id: /, (as) => as.unlikeTrack({ trackId: ID })],
  [
    "a malformed track id to add",
    /^track_ids\[1\]: /,
    (as) => as.addTracks({ playlistId: ID, trackIds: [TRACK, "x"], idempotencyKey: "k" }),
  ],
  ["no tracks", /^track_ids: /, (as) => as.addTracks({ playlistId: ID, idempotencyKey: "k" })],
  [
    "more tracks than one call takes",
    /^track_ids: .*\(was 101\)/,
    (as) => as.addTracks({ playlistId: ID, trackIds: Array(101).fill(TRACK), idempotencyKey: "k" }),
  ],
  ["no idempotency key", /^idempotency_key: /, (as) => as.addTracks({ playlistId: ID, trackIds: [TRACK] })],
  ["an empty name", /^name: /, (as) => as.createPlaylist({ name: "", idempotencyKey: "k" })],
  ["a blank name", /^name: /, (as) => as.createPlaylist({ name: " \t ", idempotencyKey: "k" })],
  [
    "a long name",
    /^name: .*200.*\(was 10000\)/,
    (as) => as.createPlaylist({ name: LONG, idempotencyKey: "k" }),
  ],
  [
    "a visibility that there is not",
    /^visibility: /,
    (as) => as.createPlaylist({ name: "a", visibility: 9 as Visibility, idempotencyKey: "k" }),
  ],
  [
    "an empty new name",
    /^changes\[0\]\.rename\.name: /,
    (as) => as.applyChanges({ playlistId: ID, changes: rename(""), idempotencyKey: "k" }),
  ],
  [
    "a long new name",
    /^changes\[0\]\.rename\.name: .*\(was 10000\)/,
    (as) => as.applyChanges({ playlistId: ID, changes: rename(LONG), idempotencyKey: "k" }),
  ],
  ["no changes", /^changes: /, (as) => as.applyChanges({ playlistId: ID, idempotencyKey: "k" })],
  [
    "a change that says nothing",
    /^changes\[0\]\.change: /,
    (as) => as.applyChanges({ playlistId: ID, changes: [{}], idempotencyKey: "k" }),
  ],
  ["a negative page size", /^page_size: .*\(was -1\)/, (as) => as.listPlaylists({ pageSize: -1 })],
  ["a page too large", /^page_size: .*\(was 201\)/, (as) => as.listPlaylists({ pageSize: 201 })],
  ["a negative page size of likes", /^page_size: .*\(was -5\)/, (as) => as.listLikedTracks({ pageSize: -5 })],
])("%s is an invalid argument, and the message names the field", async (_, message, call) => {
  const error = await errorOf(call(mine));
  expect(error).toMatchObject({ code: Code.InvalidArgument, message: expect.stringMatching(message) });
});

test("a NUL in a text is an invalid argument", async () => {
  const nul = { code: Code.InvalidArgument, message: expect.stringContaining("NUL") };
  expect(await errorOf(mine.createPlaylist({ name: "a\0b", idempotencyKey: newKey() }))).toMatchObject(nul);
  expect(await errorOf(mine.createPlaylist({ name: "a", idempotencyKey: "\0" }))).toMatchObject(nul);
});

test.each(["nonsense", "bnVsbA", Buffer.from('{"atMs":1,"id":"\\u0000"}').toString("base64url")])(
  "a page token that no answer carried is an invalid argument: %s",
  async (pageToken) => {
    const expected = {
      code: Code.InvalidArgument,
      reason: PlaylistErrorReason.PAGE_TOKEN_INVALID,
      message: expect.stringContaining("page_token"),
    };
    expect(await errorOf(mine.listPlaylists({ pageToken }))).toMatchObject(expected);
    expect(await errorOf(mine.listLikedTracks({ pageToken }))).toMatchObject(expected);
  },
);

test("a revision that does not exist yet is an invalid argument", async () => {
  const playlistId = await create();
  const ahead = {
    code: Code.InvalidArgument,
    message: expect.stringMatching(/_revision: must be at most 1,.*was 99/),
  };
  const changes = rename("Sea");
  const call = mine.applyChanges({ playlistId, baseRevision: 99n, changes, idempotencyKey: newKey() });
  expect(await errorOf(call)).toMatchObject(ahead);
  expect(await errorOf(mine.getChanges({ playlistId, sinceRevision: 99n }))).toMatchObject(ahead);
});

test.each([...reading, ...changing])("%s needs somebody who is signed in", async (_, call) => {
  expect(await errorOf(call(bed.as(), ID))).toMatchObject({ code: Code.Unauthenticated });
});

test.each([...reading, ...changing])(
  "to %s another listener's private playlist does not exist, as if there were none",
  async (_, call) => {
    const playlistId = await create(theirs);
    const error = await errorOf(call(mine, playlistId));
    expect(error).toMatchObject({
      code: Code.NotFound,
      reason: PlaylistErrorReason.PLAYLIST_NOT_FOUND,
      subject: playlistId,
    });
    const none = newId("pl");
    const same = (text: string | undefined) => text?.replaceAll(none, playlistId);
    const unknown = await errorOf(call(mine, none));
    expect({ ...unknown, subject: same(unknown.subject), message: same(unknown.message) }).toEqual(error);
  },
);

test.each(reading)("%s reads another listener's public playlist", async (_, call) => {
  const playlistId = await create(theirs, Visibility.PUBLIC);
  await expect(call(mine, playlistId)).resolves.toBeDefined();
});

test.each(changing)("%s is denied on another listener's public playlist", async (_, call) => {
  const playlistId = await create(theirs, Visibility.PUBLIC);
  expect(await errorOf(call(mine, playlistId))).toMatchObject({
    code: Code.PermissionDenied,
    reason: PlaylistErrorReason.NOT_OWNER,
    subject: playlistId,
  });
  const { playlist, items } = await theirs.getPlaylist({ playlistId });
  expect({ name: playlist?.name, items }).toEqual({ name: "Road", items: [] });
});

test("tracks that the catalog does not know are named, and none of the call is added", async () => {
  const playlistId = await create();
  const known = bed.catalog.add("known");
  const call = mine.addTracks({ playlistId, trackIds: [known, TRACK], idempotencyKey: newKey() });
  expect(await errorOf(call)).toMatchObject({
    code: Code.NotFound,
    reason: PlaylistErrorReason.TRACK_NOT_FOUND,
    subject: TRACK,
    message: expect.stringContaining(TRACK),
  });
  expect((await mine.getPlaylist({ playlistId })).items).toEqual([]);
  expect(await errorOf(mine.likeTrack({ trackId: TRACK }))).toMatchObject({
    code: Code.NotFound,
    reason: PlaylistErrorReason.TRACK_NOT_FOUND,
  });
});

test("an item that never was in the playlist is not found, and nothing of the step is done", async () => {
  const playlistId = await create();
  const changes = [
    ...rename("Sea"),
    { change: { case: "removeItem" as const, value: { itemId: "itm_elsewhere" } } },
  ];
  const never = { code: Code.NotFound, reason: PlaylistErrorReason.ITEM_NOT_FOUND, subject: "itm_elsewhere" };
  const call = mine.applyChanges({ playlistId, changes, idempotencyKey: newKey() });
  expect(await errorOf(call)).toMatchObject(never);
  const trackIds = [bed.catalog.add("one")];
  const add = mine.addTracks({
    playlistId,
    trackIds,
    afterItemId: "itm_elsewhere",
    idempotencyKey: newKey(),
  });
  expect(await errorOf(add)).toMatchObject(never);
  expect((await mine.getPlaylist({ playlistId })).playlist).toMatchObject({ name: "Road", revision: 1n });
});

test("an idempotency key that comes with another request is an invalid argument", async () => {
  const idempotencyKey = newKey();
  await mine.createPlaylist({ name: "Road", idempotencyKey });
  const reused = { code: Code.InvalidArgument, message: expect.stringMatching(/^idempotency_key: /) };
  expect(await errorOf(mine.createPlaylist({ name: "Sea", idempotencyKey }))).toMatchObject(reused);
  const trackIds = [bed.catalog.add("one")];
  const call = mine.addTracks({ playlistId: await create(), trackIds, idempotencyKey });
  expect(await errorOf(call)).toMatchObject(reused);
});

test("a full playlist takes no more", async () => {
  const playlistId = await create();
  await bed.pool.query(
    `INSERT INTO playlist_item (playlist_id, item_id, track_id, added_at, sort_key)
     SELECT $1, 'itm_' || n, $2, now(), n FROM generate_series(1, $3::int) AS n`,
    [playlistId, bed.catalog.add("one"), MAX_ITEMS - 1],
  );
  const trackIds = [bed.catalog.add("one"), bed.catalog.add("two")];
  expect(await errorOf(mine.addTracks({ playlistId, trackIds, idempotencyKey: newKey() }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: PlaylistErrorReason.FULL,
    subject: playlistId,
  });
  const last = await mine.addTracks({ playlistId, trackIds: trackIds.slice(1), idempotencyKey: newKey() });
  expect(last.playlist?.trackCount).toBe(MAX_ITEMS);
});

test.each(["away", "silent"] as const)("with the catalog %s nothing is added or liked", async (state) => {
  const playlistId = await create();
  const trackId = bed.catalog.add("one");
  bed.catalog.state = state;
  const errors = await Promise.all([
    errorOf(mine.addTracks({ playlistId, trackIds: [trackId], idempotencyKey: newKey() })),
    errorOf(mine.likeTrack({ trackId })),
  ]);
  expect(errors).toMatchObject([{ code: Code.Unavailable }, { code: Code.Unavailable }]);
  expect((await mine.getPlaylist({ playlistId })).playlist).toMatchObject({ revision: 1n, trackCount: 0 });
  expect((await mine.listLikedTracks({})).total).toBe(0);
});
