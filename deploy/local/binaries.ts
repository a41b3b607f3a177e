import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type DebianPackage, unpackFromDebian } from "./debian-archive.ts";
import { Sentence } from "./sentence.ts";

const run = promisify(execFile);

interface Program {
  readonly package: DebianPackage;
  /** Where the package puts it. */
  readonly path: string;
  readonly versionArgs: readonly string[];
  /** What is older is not taken from PATH. */
  readonly atLeast: readonly [major: number, minor: number];
}

const programs = {
  consul: {
    package: { name: "consul", suite: "bullseye" },
    path: "usr/bin/consul",
    versionArgs: ["version"],
    atLeast: [1, 8],
  },
  "nats-server": {
    package: { name: "nats-server", suite: "trixie" },
    path: "usr/sbin/nats-server",
    versionArgs: ["--version"],
    atLeast: [2, 10],
  },
  prometheus: {
    package: { name: "prometheus", suite: "trixie" },
    path: "usr/bin/prometheus",
    versionArgs: ["--version"],
    atLeast: [2, 42],
  },
  promtool: {
    package: { name: "promtool", suite: "trixie" },
    path: "usr/bin/promtool",
    versionArgs: ["--version"],
    atLeast: [2, 42],
  },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof programs;

/**
 * Paths of the programs asked for: from PATH where new enough, else from the project's folder
 * `toolsDir`, which is filled from Debian's archive the first time.
 * Throws a `Sentence` that says what is missing and how to get it.
 */
export async function findPrograms<N extends ProgramName>(
  names: readonly N[],
  toolsDir: string,
): Promise<Record<N, string>> {
  const found = new Map<N, string>();
  for (const name of names) {
    const path = (await onPath(name)) ?? (await inFolder(toolsDir, name));
    if (path !== undefined) found.set(name, path);
  }
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    await fetchInto(toolsDir, missing);
    for (const name of missing) found.set(name, join(toolsDir, name));
  }
  return Object.fromEntries(found) as Record<N, string>;
}

async function onPath(name: ProgramName): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = folder === "" ? undefined : await inFolder(folder, name);
    if (path !== undefined && (await isNewEnough(path, programs[name]))) return path;
  }
  return undefined;
}

async function inFolder(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, name);
  return await access(path, constants.X_OK).then(
    () => path,
    () => undefined,
  );
}

async function isNewEnough(path: string, program: Program): Promise<boolean> {
  const output = await run(path, [...program.versionArgs]).catch(() => undefined);
  const match = /v?(\d+)\.(\d+)\.\d+/.exec(`${output?.stdout}${output?.stderr}`);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const [atLeastMajor, atLeastMinor] = program.atLeast;
  return major > atLeastMajor || (major === atLeastMajor && minor >= atLeastMinor);
}

/** Several processes may do this at once: each unpacks into a folder of its own and renames at the end. */
async function fetchInto(toolsDir: string, names: readonly ProgramName[]): Promise<void> {
  await mkdir(toolsDir, { recursive: true }).catch((error: Error) => {
    throw new Sentence(`cannot write to ${toolsDir}: ${error.message}`);
  });
  const packages = new Map(names.map((name) => [programs[name].package.name, programs[name].package]));
  const scratch = await mkdtemp(join(toolsDir, "unpack-"));
  try {
    await unpackFromDebian([...packages.values()], join(scratch, "root"));
    for (const name of names) {
      await copyFile(join(scratch, "root", programs[name].path), join(scratch, name));
      if (!(await isNewEnough(join(scratch, name), programs[name]))) {
        throw new Sentence(`Debian's ${name} does not run here: install ${name} so that it is on PATH`);
      }
      await rename(join(scratch, name), join(toolsDir, name));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
