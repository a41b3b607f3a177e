import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { stableId } from "@antiphon/mesh";

/** Files by content, in a folder that the replicas of a service share. */
export interface ObjectStore {
  /** Moves a file of `workspace()` in and names it by its content. The same content is kept once. */
  put(path: string): Promise<string>;
  /** Its size in bytes; undefined where there is no such object. */
  size(id: string): Promise<number | undefined>;
  /** The bytes from `start` to before `end`, in chunks of at most 64 KiB. */
  read(id: string, start: number, end: number): AsyncIterable<Buffer>;
  delete(id: string): Promise<void>;
  /** A folder for work in progress, on the file system of the objects. Deleted when disposed of. */
  workspace(): Promise<AsyncDisposable & { readonly path: string }>;
  /** Deletes the workspaces of processes that died. */
  tidy(olderThanMs: number): Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;

/** Also what keeps an id from naming a file outside. */
const OBJECT_ID = /^ren_[0-9a-z]{20}\.mp4$/;

/** Opens, and creates where they are missing, the folders `objects` and `work` below the data folder. */
export async function openObjectStore(dataDir: string): Promise<ObjectStore> {
  const objects = join(dataDir, "objects");
  const work = join(dataDir, "work");
  for (const folder of [objects, work]) await mkdir(folder, { recursive: true });

  return {
    async put(path) {
      const id = `${stableId("ren", await sha256Of(path))}.mp4`;
      if (await sizeOf(join(objects, id))) return id;
      // On disk before it has its name: an object that can be seen is whole, also after a power failure.
      await sync(path);
      await rename(path, join(objects, id));
      await sync(objects);
      return id;
    },
    async size(id) {
      return OBJECT_ID.test(id) ? sizeOf(join(objects, id)) : undefined;
    },
    read: (id, start, end) =>
      createReadStream(join(objects, id), { start, end: end - 1, highWaterMark: CHUNK_BYTES }),
    async delete(id) {
      await rm(join(objects, id), { force: true });
    },
    async workspace() {
      const path = await mkdtemp(join(work, "job-"));
      return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
    },
    async tidy(olderThanMs) {
      for (const name of await readdir(work)) {
        const path = join(work, name);
        const found = await stat(path).catch(() => undefined);
        if (found && Date.now() - found.mtimeMs > olderThanMs)
          await rm(path, { recursive: true, force: true });
      }
    },
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
