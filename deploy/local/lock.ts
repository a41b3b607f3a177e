import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Sentence } from "./sentence.ts";

const holderShape = z.object({ pid: z.int().positive(), port: z.int() });

/** Who runs the system: its process and the gateway's port. */
export type LockHolder = z.infer<typeof holderShape>;

/**
 * Takes the lock of a data folder, so that one system at a time works on it; a lock whose process is
 * gone is taken over. Resolves with what gives it back. Throws a `Sentence` when another holds it.
 */
export async function takeLock(path: string, holder: LockHolder): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true }).catch((error) => refuse(dirname(path), error));
  for (let attempt = 0; attempt < 2; attempt++) {
    const taken = await writeFile(path, JSON.stringify(holder), { flag: "wx" }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST") return false;
        return refuse(dirname(path), error);
      },
    );
    if (taken) return () => rm(path, { force: true });
    const other = await readHolder(path);
    if (other !== undefined && (await isRunner(other.pid))) {
      throw new Sentence(
        `make run is running already (process ${other.pid}, http://localhost:${other.port}): stop it with Ctrl-C first`,
      );
    }
    await rm(path, { force: true });
  }
  throw new Sentence(`${path} is taken by another make run that has just started`);
}

function refuse(folder: string, { code }: NodeJS.ErrnoException): never {
  throw new Sentence(
    `${folder} cannot be written (${code}): give it back if another user ran it, or name another folder in ANTIPHON_DIR`,
  );
}

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    return holderShape.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

/** Whether the process lives and, where /proc tells, is a node: numbers are used again. */
async function isRunner(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const commandLine = await readFile(join("/proc", String(pid), "cmdline"), "utf8").catch(() => "node");
  return commandLine.includes("node");
}
