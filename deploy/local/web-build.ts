import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { projectDir } from "./paths.ts";
import { Sentence } from "./sentence.ts";

const run = promisify(execFile);
const webDir = join(projectDir, "web");
const ignored = new Set(["dist", "node_modules"]);

/**
 * Builds the web page below `folder`, in a folder named by what it is made from, unless it is there
 * already. A page that a running gateway serves is thus never taken away by the next build.
 * Resolves with the page's folder. Throws a `Sentence` when it cannot be built.
 */
export async function buildWeb(folder: string, logFile: string): Promise<string> {
  const fingerprint = await fingerprintOf([webDir, join(projectDir, "proto", "gen")]);
  const page = join(folder, fingerprint.slice(0, 16));
  if (existsSync(join(page, "index.html"))) return page;
  await mkdir(folder, { recursive: true });
  const draft = await mkdtemp(join(folder, "build-"));
  try {
    await runVite(draft, logFile);
    // Another process may have been faster; its page is the same.
    await rename(draft, page).catch((error) => {
      if (!existsSync(join(page, "index.html"))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return page;
}

async function runVite(outDir: string, logFile: string): Promise<void> {
  const vite = join(projectDir, "node_modules", "vite", "bin", "vite.js");
  const args = [vite, "build", "--outDir", outDir, "--emptyOutDir"];
  const options = { cwd: webDir, env: { ...process.env, NODE_ENV: "production" } };
  const built = await run(process.execPath, args, options).catch(
    (error: Error & { stdout: string; stderr: string }) => error,
  );
  await mkdir(dirname(logFile), { recursive: true });
  await writeFile(logFile, built.stdout + built.stderr);
  if (built instanceof Error) throw new Sentence(`the web page cannot be built (its log: ${logFile})`);
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
