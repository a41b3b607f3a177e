import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** What a walk through a folder found. */
export interface FolderListing {
  /** Paths of the files that the filter took, in a stable order. */
  readonly files: readonly string[];
  /** Folders below it that could not be read. */
  readonly unreadable: readonly string[];
}

/**
 * Lists a folder and what is below it. Links are followed, each folder is entered once, so that a link
 * to a folder above ends the walk and not the process. Names that begin with a dot are left out.
 * Rejects with the error of `readdir` where the folder itself can't be read.
 */
export async function listFolder(
  folder: string,
  takes: (name: string) => boolean,
  signal?: AbortSignal,
): Promise<FolderListing> {
  const files: string[] = [];
  const unreadable: string[] = [];
  const entered = new Set<string>();

  async function enter(path: string): Promise<void> {
    signal?.throwIfAborted();
    const { dev, ino } = await stat(path);
    if (entered.has(`${dev}:${ino}`)) return;
    entered.add(`${dev}:${ino}`);
    const entries = await readdir(path, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith(".")) continue;
      const child = join(path, entry.name);
      const linked = entry.isSymbolicLink() ? await stat(child).catch(() => undefined) : undefined;
      if (entry.isDirectory() || linked?.isDirectory()) {
        await enter(child).catch((error) => {
          signal?.throwIfAborted();
          if (!isSystemError(error)) throw error;
          unreadable.push(child);
        });
      } else if (takes(entry.name)) {
        files.push(child);
      }
    }
  }

  await enter(folder);
  return { files, unreadable };
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
