import { openPool, withTransaction } from "@antiphon/mesh";
import { event, eventMigrations, openOutbox } from "@antiphon/mesh/events";
import { freshDatabase, type TestDatabase, until } from "@antiphon/mesh/testing";
import { CatalogErrorReason, CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaErrorDetailSchema, MediaErrorReason } from "@antiphon/proto/antiphon/media/v1/media";
import { AudioReadySchema } from "@antiphon/proto/antiphon/player/v1/events";
import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import type { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal, startCatalog, type TestCatalog } from "../testing/catalog.ts";
import { fixture, type MusicFolder, troubledFolder } from "../testing/music.ts";

let service: TestCatalog;
let folder: MusicFolder;
beforeAll(async () => {
  service = await startCatalog(2);
  folder = await troubledFolder();
  await service.importAll(folder.path);
});
afterAll(async () => {
  await service.stop();
  await folder.remove();
});

async function trackCalled(title: string) {
  const { tracks } = await service.catalog.listTracks({ pageSize: 200 });
  return tracks.find((track) => track.title === title)!;
}

describe("reading", () => {
  test("gives a track with its artist and album", async () => {
    const { id } = await trackCalled("First Light");
    const { track } = await service.catalog.getTrack({ trackId: id });
    expect(track).toMatchObject({
      title: "First Light",
      artist: { name: "The Testers" },
      album: { title: "Tones" },
      trackNumber: 1,
      year: 2021,
      durationMs: 1000,
      playable: false,
    });
  });

  test("gives a batch in its order, and lists what is missing", async () => {
    const one = await trackCalled("First Light");
    const two = await trackCalled("Second Wind");
    const absent = "trk_00000000000000000000";
    const batch = await service.catalog.batchGetTracks({ trackIds: [two.id, absent, one.id, two.id] });
    expect(batch.tracks.map(({ title }) => title)).toEqual(["Second Wind", "First Light", "Second Wind"]);
    expect(batch.missingIds).toEqual([absent]);
  });

  test("gives an album with its tracks in their order", async () => {
    const { album: ref } = await trackCalled("Third Rail");
    const { album, tracks } = await service.catalog.getAlbum({ albumId: ref!.id });
    expect(album).toMatchObject({
      title: "Tones",
      trackCount: 5,
      year: 2021,
      artist: { name: "The Testers" },
    });
    expect(tracks.map(({ trackNumber }) => trackNumber)).toEqual([1, 2, 3, 4, 5]);
    expect(album?.coverId).toBe(tracks[0]?.coverId);
  });

  test("gives an artist with its albums and tracks", async () => {
    const { artist: ref } = await trackCalled("Third Rail");
    const { artist, albums, tracks } = await service.catalog.getArtist({ artistId: ref!.id });
    expect(artist).toMatchObject({ name: "The Testers", albumCount: 1, trackCount: 5 });
    expect(albums.map(({ title }) => title)).toEqual(["Tones"]);
    expect(tracks).toHaveLength(5);
  });

  test("gives lists page by page, each item once", async () => {
    const titles: string[] = [];
    let pageToken = "";
    do {
      const page = await service.catalog.listTracks({ pageSize: 4, pageToken });
      titles.push(...page.tracks.map(({ title }) => title));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(titles).toEqual([
      "Fifth Column",
      "First Light",
      "Fourth Wall",
      "Lost Tape",
      "Second Wind",
      "Third Rail",
    ]);

    const first = await service.catalog.listAlbums({ pageSize: 1 });
    const second = await service.catalog.listAlbums({ pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.albums, ...second.albums].map(({ title }) => title).sort()).toEqual(["Odd", "Tones"]);
    expect(second.nextPageToken).toBe("");

    const artists = await service.catalog.listArtists({});
    expect(artists.artists.map(({ name }) => name)).toEqual(["The Testers", "Unknown artist"]);
  });

  test("gives the source as it was imported, in chunks", async () => {
    const { id } = await trackCalled("First Light");
    const chunks = await Array.fromAsync(service.catalog.readSource({ trackId: id }));
    expect(Buffer.concat(chunks.map(({ chunk }) => chunk))).toEqual(await fixture("tone.flac"));
  });

  test("gives every row with the number of its last event", async () => {
    const rows = await Array.fromAsync(service.catalog.exportTracks({}));
    expect(rows).toHaveLength(6);
    expect(rows.every(({ keySeq, importedAt }) => keySeq >= 1n && importedAt !== undefined)).toBe(true);
  });
});

describe("bad input", () => {
  const id = "00000000000000000000";

  test.each([
    ["track", CatalogErrorReason.TRACK_NOT_FOUND, () => service.catalog.getTrack({ trackId: `trk_${id}` })],
    ["album", CatalogErrorReason.ALBUM_NOT_FOUND, () => service.catalog.getAlbum({ albumId: `alb_${id}` })],
    [
      "artist",
      CatalogErrorReason.ARTIST_NOT_FOUND,
      () => service.catalog.getArtist({ artistId: `art_${id}` }),
    ],
    [
      "removed track",
      CatalogErrorReason.TRACK_NOT_FOUND,
      () => service.catalog.removeTrack({ trackId: `trk_${id}` }),
    ],
    [
      "source",
      CatalogErrorReason.TRACK_NOT_FOUND,
      () => service.catalog.readSource({ trackId: `trk_${id}` }),
    ],
  ])("a %s that is unknown is not_found with the reason", async (_what, reason, call) => {
    expect(await refusal(call())).toMatchObject({ code: Code.NotFound, reason });
  });

  test.each([
    ["track_id", () => service.catalog.getTrack({ trackId: "t9" })],
    ["track_ids", () => service.catalog.batchGetTracks({ trackIds: ["t9"] })],
    ["track_ids", () => service.catalog.batchGetTracks({ trackIds: [] })],
    ["track_ids", () => service.catalog.batchGetTracks({ trackIds: Array(501).fill(`trk_${id}`) })],
    ["album_id", () => service.catalog.getAlbum({ albumId: "" })],
    ["artist_id", () => service.catalog.getArtist({ artistId: "x".repeat(10_000) })],
    ["track_id", () => service.catalog.removeTrack({ trackId: "trk_'; DROP TABLE track" })],
    ["track_id", () => service.catalog.readSource({ trackId: "../../etc/passwd" })],
    ["page_size", () => service.catalog.listTracks({ pageSize: -1 })],
    ["page_size", () => service.catalog.listAlbums({ pageSize: 201 })],
    ["page_token", () => service.catalog.listArtists({ pageToken: "x".repeat(10_000) })],
    ["folder", () => service.catalog.importFolder({ folder: "" })],
    ["folder", () => service.catalog.importFolder({ folder: "music" })],
    ["folder", () => service.catalog.importFolder({ folder: `/${"x".repeat(10_000)}` })],
  ])("a value that %s can't have is invalid_argument and names it", async (field, call) => {
    expect(await refusal(call())).toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringMatching(new RegExp(`\\b${field}\\b`)),
    });
  });

  test.each([
    ["nonsense", "%%%"],
    ["of another list", Buffer.from('["a"]').toString("base64url")],
    ["of a text that no database holds", Buffer.from('["\\u0000","x"]').toString("base64url")],
  ])("a page token that is %s is invalid_argument with the reason", async (_what, pageToken) => {
    for (const list of [service.catalog.listTracks, service.catalog.listAlbums]) {
      expect(await refusal(list({ pageToken }))).toMatchObject({
        code: Code.InvalidArgument,
        reason: CatalogErrorReason.PAGE_TOKEN_INVALID,
        message: expect.stringContaining("page_token"),
      });
    }
  });

  test("a listener who is no operator may neither import nor remove", async () => {
    const listener = service.mesh.client(CatalogService, { listener: { id: "lst_00000000000000000000" } });
    expect(await refusal(listener.importFolder({ folder: "/" }))).toMatchObject({
      code: Code.PermissionDenied,
    });
    expect(await refusal(listener.removeTrack({ trackId: `trk_${id}` }))).toMatchObject({
      code: Code.PermissionDenied,
    });
  });
});

describe("cover art", () => {
  let coverId: string;
  beforeAll(async () => {
    coverId = (await trackCalled("First Light")).coverId;
  });

  async function read(offset = 0, length = 0): Promise<Buffer> {
    const request = { objectId: coverId, offset: BigInt(offset), length: BigInt(length) };
    return Buffer.concat(
      (await Array.fromAsync(service.media.readObject(request))).map(({ chunk }) => chunk),
    );
  }

  test("is public, typed and addressed by its content", async () => {
    const cover = await fixture("cover.jpg");
    expect(await service.media.statObject({ objectId: coverId })).toMatchObject({
      sizeBytes: BigInt(cover.length),
      contentType: "image/jpeg",
      etag: coverId,
      public: true,
    });
  });

  test("is read whole or in part", async () => {
    const cover = await fixture("cover.jpg");
    expect(await read()).toEqual(cover);
    expect(await read(10, 20)).toEqual(cover.subarray(10, 30));
    expect(await read(cover.length - 5, 500)).toEqual(cover.subarray(-5));
  });

  test("that is not there is not_found", async () => {
    const error = await service.media
      .statObject({ objectId: "cov_0.jpg" })
      .catch((reason: ConnectError) => reason);
    expect(error).toMatchObject({ code: Code.NotFound });
    expect((error as ConnectError).findDetails(MediaErrorDetailSchema)).toMatchObject([
      { reason: MediaErrorReason.OBJECT_NOT_FOUND, subject: "cov_0.jpg" },
    ]);
  });

  test("is out_of_range past its end", async () => {
    const error = await read(100_000).catch((reason: ConnectError) => reason);
    expect(error).toMatchObject({ code: Code.OutOfRange });
    expect((error as ConnectError).findDetails(MediaErrorDetailSchema)).toMatchObject([
      { reason: MediaErrorReason.RANGE_NOT_SATISFIABLE },
    ]);
  });

  test.each(["../../etc/passwd", "cov_0/../../x", "", "COV_1"])(
    "with the id %j is invalid_argument",
    async (objectId) => {
      await expect(service.media.statObject({ objectId })).rejects.toMatchObject({
        code: Code.InvalidArgument,
      });
      await expect(Array.fromAsync(service.media.readObject({ objectId }))).rejects.toMatchObject({
        code: Code.InvalidArgument,
      });
    },
  );
});

describe("events", () => {
  let player: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    player = await freshDatabase();
    pool = openPool(player.url, { max: 3 });
    await eventMigrations(pool);
  });
  afterAll(async () => {
    await pool.end();
    await player.drop();
  });

  test("a track that the player has packaged is playable, on every replica and in its caches", async () => {
    const { id } = await trackCalled("Second Wind");
    // Both replicas hold it in memory.
    for (let i = 0; i < 8; i++) await service.catalog.getTrack({ trackId: id });
    const outbox = openOutbox({ ...service.mesh.deps("player"), pool, service: "player" });
    const message = create(AudioReadySchema, { trackId: id, durationMs: 1000, loudnessLufs: -20 });
    await withTransaction(pool, (tx) => outbox.publish(tx, event(AudioReadySchema), message));
    outbox.start();
    await until(async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => service.catalog.getTrack({ trackId: id })),
      );
      return answers.every(({ track }) => track?.playable);
    });
    await outbox.stop();
    const { rows } = await service.pool.query(
      `SELECT type FROM outbox WHERE key = $1 UNION ALL SELECT type FROM outbox_sent WHERE key = $1`,
      [id],
    );
    expect(rows.map(({ type }) => type).sort()).toEqual([
      "catalog.track_changed.v1",
      "catalog.track_imported.v1",
    ]);
  });
});
