import { rename, rm } from "node:fs/promises";
import { CatalogErrorReason, ImportProblemReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { refusal, startCatalog, type TestCatalog } from "../testing/catalog.ts";
import {
  fixture,
  type MusicFolder,
  musicFolder,
  picture,
  retagged,
  troubledFolder,
} from "../testing/music.ts";

let service: TestCatalog;
let folder: MusicFolder;
beforeEach(async () => {
  service = await startCatalog();
});
afterEach(async () => {
  await service.stop();
  await folder.remove();
});

/** The events written so far, in order. */
async function events(): Promise<string[]> {
  const { rows } = await service.pool.query<{ type: string }>(
    "SELECT seq, type FROM outbox UNION ALL SELECT seq, type FROM outbox_sent ORDER BY seq",
  );
  return rows.map(({ type }) => type.replace(/^catalog\.(.*)\.v1$/, "$1"));
}

async function onlyTrack() {
  const { tracks } = await service.catalog.listTracks({});
  expect(tracks).toHaveLength(1);
  return tracks[0]!;
}

describe("a folder with everything that goes wrong", () => {
  beforeEach(async () => {
    folder = await troubledFolder();
  });

  test("is imported but for what is no music, which is reported", async () => {
    const summary = await service.importAll(folder.path);
    expect(summary).toMatchObject({ imported: 6, changed: 0, unchanged: 0 });
    expect(summary.problems.map(({ file, reason, imported }) => [file, reason, imported])).toEqual([
      ["Odd/07 - Lost Tape.mp3", ImportProblemReason.NO_TAGS, true],
      ["Odd/cut.flac", ImportProblemReason.TRUNCATED, false],
      ["Odd/letter.mp3", ImportProblemReason.NOT_MUSIC, false],
    ]);
    expect(await events()).toEqual(Array(6).fill("track_imported"));
  });

  test("changes nothing when it is imported again, touched or not", async () => {
    await service.importAll(folder.path);
    const before = await service.catalog.listTracks({});
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 0, unchanged: 6 });
    // The same bytes with another time of change are read, and found to be the same.
    await folder.write("Tones/01.flac", "tone.flac");
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 0, unchanged: 6 });
    expect(await service.catalog.listTracks({})).toEqual(before);
    expect(await events()).toHaveLength(6);
  });

  test("is imported once by two imports at once", async () => {
    const summaries = await Promise.all([service.importAll(folder.path), service.importAll(folder.path)]);
    expect(summaries.map(({ problems }) => problems.length)).toEqual([3, 3]);
    expect(summaries.reduce((sum, { imported }) => sum + imported, 0)).toBe(6);
    expect(await events()).toHaveLength(6);
  });
});

describe("a track keeps its identity", () => {
  beforeEach(async () => {
    folder = await musicFolder({ "a/1.flac": "tone.flac" });
    await service.importAll(folder.path);
  });

  test("when its tags are edited", async () => {
    const { id } = await onlyTrack();
    await folder.write("a/1.flac", await retagged());
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 1, unchanged: 0 });
    expect(await onlyTrack()).toMatchObject({ id, title: "Last Lights" });
    expect(await events()).toEqual(["track_imported", "track_changed"]);
  });

  test("when its file moves", async () => {
    const { id } = await onlyTrack();
    await rename(`${folder.path}/a/1.flac`, `${folder.path}/a/2.flac`);
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 0, unchanged: 1 });
    const source = await Array.fromAsync(service.catalog.readSource({ trackId: id }));
    expect(Buffer.concat(source.map(({ chunk }) => chunk))).toEqual(await fixture("tone.flac"));
  });

  test("when there is a copy of its file", async () => {
    await folder.write("copy/1.flac", "tone.flac");
    for (const _ of [1, 2]) {
      expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 0, unchanged: 2 });
    }
    expect(await events()).toEqual(["track_imported"]);
  });

  test("and leaves another to the original when it was edited before", async () => {
    await folder.write("a/1.flac", await retagged());
    await service.importAll(folder.path);
    await folder.write("b/1.flac", "tone.flac");
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 1, changed: 0, unchanged: 1 });
    const { tracks } = await service.catalog.listTracks({});
    expect(tracks.map(({ title }) => title)).toEqual(["First Light", "Last Lights"]);
  });

  test("when another track's file is overwritten with its own", async () => {
    const { id } = await onlyTrack();
    await folder.write("a/2.ogg", "tone.ogg");
    await service.importAll(folder.path);
    await rename(`${folder.path}/a/1.flac`, `${folder.path}/a/2.ogg`);
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 0, unchanged: 1 });
    const { tracks } = await service.catalog.listTracks({});
    const other = tracks.find((track) => track.id !== id)!;
    expect(await refusal(service.catalog.readSource({ trackId: other.id }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: CatalogErrorReason.SOURCE_MISSING,
    });
  });

  test("and a picture that is put beside it is its cover", async () => {
    await folder.write("a/2.ogg", "tone.ogg");
    await service.importAll(folder.path);
    await folder.write("a/folder.png", "cover.png");
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, changed: 1, unchanged: 1 });
    expect((await service.catalog.listTracks({})).tracks.map(({ coverId }) => coverId)).toEqual([
      expect.stringMatching(/^cov_[0-9a-z]{20}\.jpg$/),
      expect.stringMatching(/^cov_[0-9a-z]{20}\.png$/),
    ]);
  });
});

test("a cover is there in smaller sizes, and itself in those that were not made", async () => {
  folder = await musicFolder({ "1.ogg": "tone.ogg", "cover.jpg": await picture(400, 400) });
  await service.importAll(folder.path);
  const { coverId } = await onlyTrack();
  const sized = (side: number) => coverId.replace(".jpg", `_${side}.webp`);
  const stat = (objectId: string) => service.media.statObject({ objectId });
  expect(await stat(sized(300))).toMatchObject({ contentType: "image/webp", etag: sized(300), public: true });
  expect(await stat(sized(640))).toMatchObject({ contentType: "image/jpeg", etag: coverId });
  const objectId = sized(640);
  const read = (await Array.fromAsync(service.media.readObject({ objectId }))).map(({ chunk }) => chunk);
  expect(Buffer.concat(read)).toEqual(await picture(400, 400));
});

test("lyrics come from the file beside the music, also when it is put there later", async () => {
  folder = await musicFolder({ "1.flac": "tone.flac" });
  await service.importAll(folder.path);
  const { id: trackId } = await onlyTrack();
  expect(await refusal(service.catalog.getLyrics({ trackId }))).toMatchObject({
    code: Code.NotFound,
    reason: CatalogErrorReason.LYRICS_NOT_FOUND,
  });
  await folder.write("1.lrc", Buffer.from("[00:01.50]First light\n[00:03.00]on the hill"));
  await service.importAll(folder.path);
  expect(await service.catalog.getLyrics({ trackId })).toMatchObject({
    synced: true,
    lines: [
      { startMs: 1_500, text: "First light" },
      { startMs: 3_000, text: "on the hill" },
    ],
  });
  await rm(`${folder.path}/1.lrc`);
  await service.importAll(folder.path);
  expect(await refusal(service.catalog.getLyrics({ trackId }))).toMatchObject({ code: Code.NotFound });
});

describe("a track that is removed", () => {
  beforeEach(async () => {
    folder = await musicFolder({ "1.flac": "tone.flac" });
    await service.importAll(folder.path);
  });

  test("is gone, once, and stays so when the folder is imported again", async () => {
    const { id } = await onlyTrack();
    for (const _ of [1, 2]) await service.catalog.removeTrack({ trackId: id });
    expect(await events()).toEqual(["track_imported", "track_removed"]);
    expect(await refusal(service.catalog.getTrack({ trackId: id }))).toMatchObject({
      code: Code.NotFound,
      reason: CatalogErrorReason.TRACK_NOT_FOUND,
    });
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 0, unchanged: 1 });
    expect((await service.catalog.listAlbums({})).albums).toEqual([]);
    expect((await service.catalog.listArtists({})).artists).toEqual([]);
  });

  test("comes back as another one when its file has changed since", async () => {
    const { id } = await onlyTrack();
    await service.catalog.removeTrack({ trackId: id });
    await folder.write("1.flac", await retagged());
    expect(await service.importAll(folder.path)).toMatchObject({ imported: 1 });
    expect((await onlyTrack()).id).not.toBe(id);
  });
});

describe("a folder that can't be read", () => {
  beforeEach(async () => {
    folder = await musicFolder({ "1.flac": "tone.flac" });
  });

  test.each([
    ["is not there", "/absent", "does not exist"],
    ["is a file", "/1.flac", "is not a folder"],
    ["has no name that a folder could have", "/\0", "can't be read"],
  ])("because it %s is named in the refusal", async (_why, name, words) => {
    const path = `${folder.path}${name}`;
    expect(await refusal(service.catalog.importFolder({ folder: path }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: CatalogErrorReason.FOLDER_UNREADABLE,
      message: expect.stringContaining(`${path} ${words}`),
    });
  });
});

test("an import that its caller leaves stops, and the next one goes on", async () => {
  folder = await musicFolder({});
  // As many files as take a while: the same music, told apart by a byte after its end.
  const tone = await fixture("tone.mp3");
  for (let i = 0; i < 40; i++) await folder.write(`${i}.mp3`, Buffer.concat([tone, Buffer.from([i])]));
  for await (const { filesDone } of service.catalog.importFolder({ folder: folder.path })) {
    if (filesDone > 2) break;
  }
  const summary = await service.importAll(folder.path);
  expect(summary.imported + summary.unchanged).toBe(40);
  expect(summary.unchanged).toBeGreaterThan(2);
});
