import { type FileHandle, mkdir, open, opendir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Blobs } from "./blobs.ts";

/** Blobs in a folder, which is created where it is missing; what is put must lie on its file system. */
export async function openDiskBlobs(folder: string): Promise<Blobs> {
  await mkdir(folder, { recursive: true });
  return {
    async put(name, path) {
      // On disk before it has its name: what can be seen is whole, also after a power failure.
      await sync(path);
      await rename(path, join(folder, name));
      await sync(folder);
    },

    async read(name, start, end) {
      let file: FileHandle;
      try {
        file = await open(join(folder, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
      try {
        const { size } = await file.stat();
        const wanted = Buffer.allocUnsafe(Math.max(0, Math.min(end, size) - start));
        const { bytesRead } = await file.read(wanted, 0, wanted.length, start);
        return wanted.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },

    delete: (name) => rm(join(folder, name), { force: true }),

    async *names() {
      for await (const { name } of await opendir(folder)) yield name;
    },
  };
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
