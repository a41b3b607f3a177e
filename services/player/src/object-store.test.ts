import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ObjectStore, openObjectStore } from "./object-store.ts";

let dataDir: string;
let store: ObjectStore;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "antiphon-objects-"));
  store = await openObjectStore(dataDir);
});
afterEach(() => rm(dataDir, { recursive: true }));

async function put(content: Buffer | string): Promise<string> {
  await using workspace = await store.workspace();
  const path = join(workspace.path, "made");
  await writeFile(path, content);
  return await store.put(path);
}

async function read(id: string, start: number, end: number): Promise<Buffer[]> {
  return Array.fromAsync(store.read(id, start, end));
}

test("an object is named by its content and kept once", async () => {
  const id = await put("music");
  expect(id).toMatch(/^ren_[0-9a-z]{20}\.mp4$/);
  expect(await put("music")).toBe(id);
  expect(await put("other music")).not.toBe(id);
  expect(await readdir(join(dataDir, "objects"))).toHaveLength(2);
  expect(await readdir(join(dataDir, "work"))).toEqual([]);
});

test("an object is read in part, in chunks of 64 KiB at most", async () => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
  const id = await put(bytes);
  expect(await store.size(id)).toBe(200_000);
  const chunks = await read(id, 10, 199_990);
  expect(Buffer.concat(chunks)).toEqual(bytes.subarray(10, 199_990));
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
});

test("an object that was deleted is gone, and deleting it again is no error", async () => {
  const id = await put("music");
  for (const _ of [1, 2]) await store.delete(id);
  expect(await store.size(id)).toBeUndefined();
});

test.each(["../elsewhere/x", "ren_00000000000000000000.mp4", "/etc/passwd", "ren_..", "", "."])(
  "there is no object %j",
  async (id) => {
    expect(await store.size(id)).toBeUndefined();
  },
);

test("work that a dead process left is tidied away, work in hand is not", async () => {
  await using workspace = await store.workspace();
  await store.tidy(60_000);
  expect(await readdir(join(dataDir, "work"))).toHaveLength(1);
  await store.tidy(-1);
  expect(await readdir(join(dataDir, "work"))).toEqual([]);
  expect(workspace.path).toContain(dataDir);
});
