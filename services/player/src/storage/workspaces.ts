import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Folders for work in progress, on the file system of the data folder. */
export interface Workspaces {
  /** An empty folder, deleted when disposed of. */
  make(): Promise<AsyncDisposable & { readonly path: string }>;
  /** Deletes those of processes that died. */
  tidy(olderThanMs: number): Promise<void>;
}

export async function openWorkspaces(folder: string): Promise<Workspaces> {
  await mkdir(folder, { recursive: true });
  return {
    async make() {
      const path = await mkdtemp(join(folder, "job-"));
      return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
    },
    async tidy(olderThanMs) {
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const found = await stat(path).catch(() => undefined);
        if (found && Date.now() - found.mtimeMs > olderThanMs)
          await rm(path, { recursive: true, force: true });
      }
    },
  };
}
