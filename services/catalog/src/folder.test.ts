import { symlink } from "node:fs/promises";
import { relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MusicFolder, musicFolder } from "../testing/music.ts";
import { listFolder } from "./folder.ts";
import { isMusicName } from "./music-file.ts";

let folder: MusicFolder;
beforeAll(async () => {
  const empty = Buffer.alloc(0);
  folder = await musicFolder({
    "b/2.MP3": empty,
    "b/1.flac": empty,
    "b/deep/er/3.m4a": empty,
    "a.ogg": empty,
    "a.txt": empty,
    "._a.ogg": empty,
    ".hidden/4.mp3": empty,
  });
  await symlink("..", `${folder.path}/b/up`);
  await symlink("a.ogg", `${folder.path}/linked.opus`);
  await symlink("nowhere", `${folder.path}/broken.mp3`);
  await symlink("ring.mp3", `${folder.path}/ring.mp3`);
});
afterAll(() => folder.remove());

test("music is found at any depth, in a stable order, whatever the case of its extension", async () => {
  const { files, unreadable } = await listFolder(folder.path, isMusicName);
  expect(files.map((file) => relative(folder.path, file))).toEqual([
    "a.ogg",
    "b/1.flac",
    "b/2.MP3",
    "b/deep/er/3.m4a",
    "broken.mp3",
    "linked.opus",
    "ring.mp3",
  ]);
  expect(unreadable).toEqual([]);
});

test("a folder that is not there is an error", async () => {
  await expect(listFolder(`${folder.path}/absent`, isMusicName)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a walk can be given up", async () => {
  await expect(listFolder(folder.path, isMusicName, AbortSignal.abort())).rejects.toThrow(/abort/i);
});
