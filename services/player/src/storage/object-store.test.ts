import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { s3Server } from "../../testing/s3.ts";
import { DamagedObjectError } from "./object-store.ts";
import { openStorage, type Storage } from "./storage.ts";

/** What a backend keeps lies in this folder, so that a test can alter it. */
interface Backend {
  readonly storage: Storage;
  fileOf(name: string): Promise<string>;
  stop(): Promise<void>;
}

async function onDisk(): Promise<Backend> {
  const dataDir = await mkdtemp(join(tmpdir(), "antiphon-objects-"));
  return {
    storage: await openStorage({ dataDir, bucket: undefined }),
    fileOf: async (name) => join(dataDir, "objects", name),
    stop: () => rm(dataDir, { recursive: true }),
  };
}

async function inBucket(): Promise<Backend> {
  const dataDir = await mkdtemp(join(tmpdir(), "antiphon-objects-"));
  const server = await s3Server();
  return {
    storage: await openStorage({ dataDir, bucket: server.bucket }),
    fileOf: async (name) => join(server.folder, `${name}._S3rver_object`),
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 251));

describe.each([
  ["on disk", onDisk],
  ["in an S3-compatible bucket", inBucket],
])("objects %s", (_where, open) => {
  let backend: Backend;
  beforeEach(async () => {
    backend = await open();
  });
  afterEach(() => backend.stop());

  async function put(content: Buffer | string): Promise<string> {
    const { objects, workspaces } = backend.storage;
    await using workspace = await workspaces.make();
    const path = join(workspace.path, "made");
    await writeFile(path, content);
    return await objects.put(path);
  }

  async function read(id: string, start: number, end: number): Promise<Buffer[]> {
    return Array.fromAsync(backend.storage.objects.read(id, start, end));
  }

  async function alter(name: string, at: number): Promise<void> {
    const path = await backend.fileOf(name);
    const bytes = await readFile(path);
    bytes[at]! ^= 1;
    await writeFile(path, bytes);
  }

  test("are named by their content and kept once", async () => {
    const id = await put("music");
    expect(id).toMatch(/^ren_[0-9a-z]{20}\.mp4$/);
    expect(await put("music")).toBe(id);
    const other = await put("other music");
    expect(other).not.toBe(id);
    expect(new Set(await Array.fromAsync(backend.storage.objects.ids()))).toEqual(new Set([id, other]));
  });

  test("are read in part, in chunks of 64 KiB at most", async () => {
    const { objects } = backend.storage;
    const id = await put(BYTES);
    expect(await objects.size(id)).toBe(200_000);
    const chunks = await read(id, 10, 199_990);
    expect(Buffer.concat(chunks)).toEqual(BYTES.subarray(10, 199_990));
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
    expect(Buffer.concat(await read(id, 70_000, 70_001))).toEqual(BYTES.subarray(70_000, 70_001));
    expect(Buffer.concat(await read(id, 199_999, 1_000_000))).toEqual(BYTES.subarray(199_999));
    expect(await objects.check(id)).toBe("whole");
  });

  test("that are larger than a part of an upload are kept too", async () => {
    const id = await put(Buffer.alloc(9 * 1024 * 1024, "music"));
    expect(await backend.storage.objects.check(id)).toBe("whole");
  });

  test("that are empty are objects too", async () => {
    const id = await put("");
    expect(await backend.storage.objects.size(id)).toBe(0);
    expect(await read(id, 0, 10)).toEqual([]);
  });

  test("that were altered are refused where they were altered, and nowhere else", async () => {
    const id = await put(BYTES);
    await alter(id, 150_000);
    expect(Buffer.concat(await read(id, 0, 100))).toEqual(BYTES.subarray(0, 100));
    await expect(read(id, 140_000, 150_000)).rejects.toBeInstanceOf(DamagedObjectError);
    expect(await backend.storage.objects.check(id)).toBe("damaged");
  });

  test("whose end is cut off, or whose sums were altered, are damaged", async () => {
    const { objects } = backend.storage;
    const id = await put(BYTES);
    await truncate(await backend.fileOf(id), 190_000);
    await expect(read(id, 195_000, 195_001)).rejects.toBeInstanceOf(DamagedObjectError);
    const other = await put("music");
    await alter(`${other}.sums`, 7);
    expect(await objects.check(other)).toBe("damaged");
    await expect(objects.size(other)).rejects.toBeInstanceOf(DamagedObjectError);
  });

  test("that are damaged are whole again when they are put again", async () => {
    const id = await put(BYTES);
    await alter(id, 3);
    expect(await put(BYTES)).toBe(id);
    expect(await backend.storage.objects.check(id)).toBe("whole");
  });

  test("that were deleted are gone, and deleting them again is no error", async () => {
    const { objects } = backend.storage;
    const id = await put("music");
    for (const _ of [1, 2]) await objects.delete(id);
    expect(await objects.size(id)).toBeUndefined();
    expect(await objects.check(id)).toBe("missing");
    expect(await Array.fromAsync(objects.ids())).toEqual([]);
  });

  test.each(["../elsewhere/x", "ren_00000000000000000000.mp4", "/etc/passwd", "ren_..", "", "."])(
    "have no name like %j",
    async (id) => {
      expect(await backend.storage.objects.size(id)).toBeUndefined();
    },
  );
});

test("work that a dead process left is tidied away, work in hand is not", async () => {
  const { storage, fileOf, stop } = await onDisk();
  const { workspaces } = storage;
  {
    await using workspace = await workspaces.make();
    const folder = join(workspace.path, "..");
    await workspaces.tidy(60_000);
    expect(await readdir(folder)).toHaveLength(1);
    await workspaces.tidy(-1);
    expect(await readdir(folder)).toEqual([]);
    expect(workspace.path.startsWith(join(await fileOf("."), "..", ".."))).toBe(true);
  }
  await stop();
});
