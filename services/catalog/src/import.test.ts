import { mkdir, rm, symlink } from "node:fs/promises";
import { ImportProblemReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fixture, type MusicFolder, musicFolder, picture, troubledFolder } from "../testing/music.ts";
import {
  type ImportedFile,
  type ImportProgress,
  type ImportStore,
  importFolder,
  type KnownFile,
} from "./import.ts";

/** Remembers what it is given. */
class RecordingStore implements ImportStore {
  readonly saved = new Map<string, ImportedFile>();
  reads = 0;
  async known(path: string): Promise<KnownFile | undefined> {
    const file = this.saved.get(path);
    return (
      file && {
        stamp: file.stamp,
        tagged: file.description.tagged,
        coverEmbedded: file.embeddedCover !== undefined,
        coverId: file.cover?.id,
        lrcSha256: file.lrcSha256,
      }
    );
  }
  async save(file: ImportedFile) {
    this.reads += 1;
    this.saved.set(file.path, file);
    return "imported" as const;
  }
  named(name: string): ImportedFile {
    return [...this.saved.values()].find(({ path }) => path.endsWith(name))!;
  }
}

let folder: MusicFolder;
let store: RecordingStore;
beforeEach(() => {
  store = new RecordingStore();
});
afterEach(() => folder.remove());

async function importAll(): Promise<ImportProgress[]> {
  return Array.fromAsync(importFolder(store, folder.path, new AbortController().signal));
}

describe("a folder with everything that goes wrong", () => {
  beforeEach(async () => {
    folder = await troubledFolder();
    await symlink("nowhere", `${folder.path}/Odd/gone.mp3`);
    await mkdir(`${folder.path}/Odd/folder.mp3`);
  });

  test("has its good files imported and the others reported with the reason", async () => {
    const result = (await importAll()).at(-1)?.result;
    expect(result).toMatchObject({ imported: 6, changed: 0, unchanged: 0 });
    expect(
      result?.problems.map(({ file, reason, imported }) => [file, ImportProblemReason[reason], imported]),
    ).toEqual([
      ["Odd/07 - Lost Tape.mp3", "NO_TAGS", true],
      ["Odd/cut.flac", "TRUNCATED", false],
      ["Odd/gone.mp3", "UNREADABLE", false],
      ["Odd/letter.mp3", "NOT_MUSIC", false],
    ]);
    expect(result?.problems[3]?.message).toBe("Odd/letter.mp3 has no music that the catalog can read");
  });

  test("tells its progress file by file", async () => {
    const progress = await importAll();
    expect(progress[0]).toEqual({ filesTotal: 9, filesDone: 0, file: "" });
    expect(progress.slice(1, -1).map(({ filesDone }) => filesDone)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(progress.filter(({ result }) => result)).toHaveLength(1);
  });

  test("is not read again while nothing in it changes", async () => {
    await importAll();
    const result = (await importAll()).at(-1)?.result;
    expect(store.reads).toBe(6);
    expect(result).toMatchObject({ imported: 0, unchanged: 6 });
    expect(result?.problems).toHaveLength(4);
  });
});

test("every format gives its tags and length", async () => {
  folder = await troubledFolder();
  await importAll();
  const titles = ["01.flac", "02.OGG", "03.opus", "04.mp3", "05.m4a"].map((name) => {
    const { description } = store.named(name);
    expect(description.durationMs).toBeGreaterThan(990);
    expect(description.durationMs).toBeLessThan(1_100);
    return `${description.trackNumber} ${description.title}`;
  });
  expect(titles).toEqual([
    "1 First Light",
    "2 Second Wind",
    "3 Third Rail",
    "4 Fourth Wall",
    "5 Fifth Column",
  ]);
  expect(store.named("01.flac").description).toMatchObject({
    artist: "The Testers",
    album: "Tones",
    discNumber: 1,
    year: 2021,
    genres: ["Test Tone"],
  });
});

test("the embedded picture comes before the one in the folder", async () => {
  folder = await troubledFolder();
  await importAll();
  expect(store.named("01.flac").cover?.contentType).toBe("image/jpeg");
  expect(store.named("02.OGG").cover?.contentType).toBe("image/png");
  expect(store.named("Lost Tape.mp3").cover).toBeUndefined();
});

test("a picture that is large enough comes in smaller ones too", async () => {
  folder = await musicFolder({ "1.ogg": "tone.ogg", "cover.jpg": await picture(400, 400) });
  await importAll();
  const { cover, smallerCovers } = store.named("1.ogg");
  expect(smallerCovers.map(({ id }) => id)).toEqual(
    [64, 300].map((side) => cover?.id.replace(".jpg", `_${side}.webp`)),
  );
});

test("a new picture in the folder is noticed although the music is as it was", async () => {
  folder = await musicFolder({ "1.ogg": "tone.ogg", "2.flac": "tone.flac" });
  await importAll();
  await folder.write("cover.jpg", "cover.jpg");
  await importAll();
  expect(store.reads).toBe(3);
  expect(store.named("1.ogg").cover?.contentType).toBe("image/jpeg");
});

test("a file is read by its content, whatever its name says", async () => {
  folder = await musicFolder({ "really-flac.mp3": "tone.flac" });
  await importAll();
  expect(store.named("really-flac.mp3").description.title).toBe("First Light");
});

test("a tag of another format before a FLAC does not hide it", async () => {
  const id3 = Buffer.from("ID3\x04\0\0\0\0\0\x0a0000000000", "latin1");
  folder = await musicFolder({ "1.flac": Buffer.concat([id3, await fixture("tone.flac")]) });
  expect((await importAll()).at(-1)?.result).toMatchObject({ imported: 1, problems: [] });
});

test("an error of the store ends the import", async () => {
  folder = await musicFolder({ "1.ogg": "tone.ogg" });
  store.save = async () => {
    throw new Error("the database is away");
  };
  await expect(importAll()).rejects.toThrow("the database is away");
});

test("a file that vanishes after it was listed is a problem of its own", async () => {
  folder = await musicFolder({ "1.flac": "tone.flac", "2.ogg": "tone.ogg" });
  const progress = importFolder(store, folder.path, new AbortController().signal);
  await progress.next();
  await rm(`${folder.path}/1.flac`);
  const { result } = (await Array.fromAsync(progress)).at(-1)!;
  expect(result).toMatchObject({
    imported: 1,
    problems: [{ file: "1.flac", reason: ImportProblemReason.UNREADABLE }],
  });
});

test("an import that is given up reads no further", async () => {
  folder = await musicFolder({ "1.flac": "tone.flac", "2.ogg": "tone.ogg" });
  const stop = new AbortController();
  const progress = importFolder(store, folder.path, stop.signal);
  await progress.next();
  stop.abort();
  await expect(progress.next()).rejects.toThrow(/abort/i);
  expect(store.reads).toBe(0);
});
