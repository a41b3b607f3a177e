import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type DebianMirror, findDebianMirror, readAptSources } from "./debian-sources.ts";
import { Sentence } from "./sentence.ts";

const run = promisify(execFile);

/** A package of Debian's archive and the suite to take it from, e.g. `trixie`. */
export interface DebianPackage {
  readonly name: string;
  readonly suite: string;
}

/**
 * Unpacks packages of Debian's archive into `folder` as an ordinary user and without touching the
 * system: apt is given a sources list, state and cache of its own below `folder`'s parent.
 * The mirror is the one of the machine's apt configuration, or `ANTIPHON_DEBIAN_MIRROR`.
 * Signatures are checked with the keys that the machine trusts for Debian.
 * Throws a `Sentence` where this is not Debian or the mirror does not have a package.
 */
export async function unpackFromDebian(packages: readonly DebianPackage[], folder: string): Promise<void> {
  const names = packages.map(({ name }) => name).join(", ");
  const mirror = await mirrorOfThisMachine(names);
  await mkdir(folder, { recursive: true });
  const scratch = await mkdtemp(join(folder, "..", "apt-"));
  try {
    const env = { ...process.env, LC_ALL: "C", APT_CONFIG: await writeAptConfig(scratch, packages, mirror) };
    await run("apt-get", ["-qq", "update"], { env });
    const wanted = packages.map(({ name, suite }) => `${name}/${suite}`);
    await run("apt-get", ["-qq", "download", ...wanted], { env, cwd: scratch });
    const archives = (await readdir(scratch)).filter((file) => file.endsWith(".deb"));
    for (const archive of archives) await run("dpkg-deb", ["-x", join(scratch, archive), folder]);
  } catch (error) {
    throw new Sentence(
      `${names} could not be taken from Debian's archive: ${reason(error)} (install it yourself, or name a mirror that has it in ANTIPHON_DEBIAN_MIRROR)`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function mirrorOfThisMachine(names: string): Promise<DebianMirror> {
  const found = findDebianMirror(await readAptSources());
  const uri = process.env.ANTIPHON_DEBIAN_MIRROR ?? found?.uri;
  if (uri === undefined) {
    throw new Sentence(
      `${names} missing: install it so that it is on PATH (this machine has no Debian sources to take it from)`,
    );
  }
  const keyring = ["pgp", "gpg"]
    .map((ending) => `/usr/share/keyrings/debian-archive-keyring.${ending}`)
    .find((path) => existsSync(path));
  const signedBy = found?.signedBy ?? keyring;
  return signedBy === undefined ? { uri } : { uri, signedBy };
}

/** The machine's own `Acquire` settings (proxies and the like) stay; its hooks and folders do not. */
async function writeAptConfig(
  scratch: string,
  packages: readonly DebianPackage[],
  mirror: DebianMirror,
): Promise<string> {
  const suites = [...new Set(packages.map(({ suite }) => suite))];
  const stanza = [
    "Types: deb",
    `URIs: ${mirror.uri}`,
    `Suites: ${suites.join(" ")}`,
    "Components: main",
    "Targets: Packages",
    ...(mirror.signedBy === undefined ? [] : [`Signed-By: ${mirror.signedBy}`]),
  ];
  await writeFile(join(scratch, "antiphon.sources"), `${stanza.join("\n")}\n`);
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    await mkdir(join(scratch, name), { recursive: true });
  }
  const acquire = await run("apt-config", ["dump", "--no-empty", "--format", '%F "%v";%n', "Acquire"]);
  const config = `${acquire.stdout}
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::SourceList "${scratch}/antiphon.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "${scratch}";
Dir::State::Lists "${scratch}/lists";
Dir::State::Status "/dev/null";
Dir::Cache "${scratch}/cache";
Acquire::Languages "none";
APT::Sandbox::User "root";
`;
  const path = join(scratch, "apt.conf");
  await writeFile(path, config);
  return path;
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr ?? "").split("\n").filter((line) => line.startsWith("E:"));
  return (lines.at(0) ?? message.split("\n")[0] ?? "").replace(/^E: /, "").trim();
}
