import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { projectDir } from "./paths.ts";
import { Sentence } from "./sentence.ts";

const run = promisify(execFile);
const webDir = join(projectDir, "web");
const ignored = new Set(["dist", "node_modules"]);

/**
 * Builds the web page unless what it is made from has not changed since the last build, whose
 * fingerprint is kept in `stampFile`. Resolves with the folder of the page.
 */
export async function buildWeb(stampFile: string, logFile: string): Promise<string> {
  const dist = join(webDir, "dist");
  const fingerprint = await fingerprintOf([webDir, join(projectDir, "proto", "gen")]);
  const stamp = await readFile(stampFile, "utf8").catch(() => "");
  if (stamp === fingerprint && existsSync(join(dist, "index.html"))) return dist;
  const vite = join(projectDir, "node_modules", "vite", "bin", "vite.js");
  const options = { cwd: webDir, env: { ...process.env, NODE_ENV: "production" } };
  const built = await run(process.execPath, [vite, "build"], options).catch(
    (error: Error & { stdout: string; stderr: string }) => error,
  );
  await mkdir(dirname(logFile), { recursive: true });
  await writeFile(logFile, built.stdout + built.stderr);
  if (built instanceof Error) throw new Sentence(`the web page cannot be built (its log: ${logFile})`);
  await mkdir(dirname(stampFile), { recursive: true });
  await writeFile(stampFile, fingerprint);
  return dist;
}

/** Changes with the path or content of any file below the folders, but for what is built or installed. */
async function fingerprintOf(folders: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(
        (path) =>
          !path
            .slice(folder.length)
            .split("/")
            .some((part) => ignored.has(part)),
      );
    for (const path of files.sort())
      hash
        .update(path)
        .update("\0")
        .update(await readFile(path));
  }
  return hash.digest("hex");
}
