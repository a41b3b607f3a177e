import { constants } from "node:fs";
import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  createMeshTransport,
  identitySigner,
  type MeshTransport,
  readPrivateKey,
  runInScope,
} from "@antiphon/mesh";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { createClient } from "@connectrpc/connect";
import { unpackFromDebian } from "./debian-archive.ts";
import { Sentence } from "./sentence.ts";
import type { System } from "./system.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Resolves with the absolute path; `~` is the home folder, also where the shell left it alone.
 * Throws a `Sentence` where it is not a folder that can be read.
 */
export async function musicFolder(path: string): Promise<string> {
  const folder = resolve(path.replace(/^~(?=\/|$)/, homedir()));
  const info = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw new Sentence(`${folder} cannot be read: ${error.message}`);
    const free = Object.keys(FREE_MUSIC).join(" or ");
    throw new Sentence(`there is no folder ${folder}: MUSIC names one, or is ${free} for free music`);
  });
  if (!info.isDirectory())
    throw new Sentence(`${folder} is not a folder: name the folder that holds your music`);
  await access(folder, constants.R_OK | constants.X_OK).catch(() => {
    throw new Sentence(`${folder} cannot be read: its permissions do not allow it`);
  });
  return folder;
}

interface FreeMusic {
  readonly name: string;
  readonly suite: string;
  /** Of the package. */
  readonly folder: string;
}

/** Music of games in Debian's archive under free licences, by what `MUSIC=` calls it. */
const FREE_MUSIC: Readonly<Record<string, FreeMusic>> = {
  singularity: { name: "singularity-music", suite: "trixie", folder: "usr/share/games/singularity/music" },
  wesnoth: {
    name: "wesnoth-1.16-music",
    suite: "bookworm",
    folder: "usr/share/games/wesnoth/1.16/data/core/music",
  },
};

/** Whether `MUSIC=` means free music and no folder. */
export function isFreeMusic(name: string): boolean {
  return Object.hasOwn(FREE_MUSIC, name);
}

/** Free music, `singularity` where nothing is named, taken from Debian's archive the first time. */
export async function freeAlbum(antiphonDir: string, wanted = "singularity"): Promise<string> {
  const { name, suite, folder } = FREE_MUSIC[wanted]!;
  const root = join(antiphonDir, wanted === "singularity" ? "music" : `music-${wanted}`);
  const music = join(root, folder);
  if ((await readdir(music).catch(() => [])).length > 0) return music;
  const scratch = await mkdtemp(join(antiphonDir, "fetch-"));
  try {
    await unpackFromDebian([{ name, suite }], join(scratch, "root"));
    await rm(root, { recursive: true, force: true });
    await rename(join(scratch, "root"), root);
  } catch (error) {
    if (!(error instanceof Sentence)) throw error;
    throw new Sentence(
      `there is no music yet: name a folder with make run MUSIC=/path/to/your/music (${error.message})`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return music;
}

/** Copies the shortest recordings of an album to a folder of their own: packaging each takes a few seconds. */
export async function shortestOf(album: string, count: number, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(album)).filter((name) => name.endsWith(".ogg"));
  const sizes = new Map<string, number>();
  for (const name of names) sizes.set(name, (await stat(join(album, name))).size);
  names.sort((a, b) => sizes.get(a)! - sizes.get(b)!);
  for (const name of names.slice(0, count)) await copyFile(join(album, name), join(folder, name));
}

function nothingIn(folder: string): string {
  return `no .ogg, .opus, .mp3, .flac or .m4a in ${folder}: name another folder with make run MUSIC=/path/to/music`;
}

/** Calls services as the operator of this machine. */
export interface Operator {
  /** Whether the catalog holds any music. */
  hasMusic(): Promise<boolean>;
  /** Imports a folder with a bar, says which files were not music, and resolves with how many tracks it holds. */
  importFolder(folder: string, terminal: Terminal): Promise<number>;
  /**
   * Follows the packaging with a bar until at least `expected` tracks came to it and all of them can be
   * played (higher bitrates come later), or the signal aborts. A player that is away is asked again.
   */
  watchPackaging(expected: number, terminal: Terminal, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Who imports: no listener of the system, but the one who runs it. */
const identity = { id: "lst_00000000000000000000", operator: true };

/** Tracks come to the player as events, some time after the import. */
const pollMs = 500;

export function operatorOf(system: System): Operator {
  const transports: MeshTransport[] = [];
  const signer = identitySigner(readPrivateKey(system.secrets.identityKeys.privateKey), Date.now);
  const transport = (service: string) => {
    const copies = system.instances.filter((each) => each.service === service);
    const addresses = copies.map(({ port }) => `127.0.0.1:${port}`);
    const created = createMeshTransport({ target: `static:///${addresses.join(",")}`, signer });
    transports.push(created);
    return created;
  };
  const catalog = createClient(CatalogService, transport("catalog"));
  const player = createClient(PlayerService, transport("player"));
  const asOperator = <T>(call: () => T): T => runInScope({ listener: identity }, call);
  return {
    async hasMusic() {
      return (await catalog.listAlbums({ pageSize: 1 })).albums.length > 0;
    },
    async importFolder(folder, terminal) {
      let tracks = 0;
      for await (const answer of asOperator(() => catalog.importFolder({ folder }))) {
        terminal.bar("Importing", answer.filesDone, answer.filesTotal, answer.file);
        if (answer.summary === undefined) continue;
        terminal.endBar();
        const { imported, changed, unchanged, problems } = answer.summary;
        terminal.line(`  ${imported} tracks imported, ${changed} changed, ${unchanged} as they were`);
        for (const { file, message } of problems) terminal.line(`  ${file}: ${message}`);
        tracks = imported + changed + unchanged;
        if (tracks === 0) terminal.line(`  ${nothingIn(folder)}`);
      }
      return tracks;
    },
    async watchPackaging(expected, terminal, signal) {
      let known = 0;
      const untilPlayable = async () => {
        for await (const answer of asOperator(() => player.watchPackaging({}, { signal }))) {
          const { waiting, running, done, failed, playable, lastTitle } = answer;
          known = waiting + running + done + failed;
          const ready = Math.min(known, playable + failed);
          terminal.bar("Packaging", ready, Math.max(known, expected), lastTitle);
          if (ready === known && known >= expected) break;
        }
        return known >= expected;
      };
      while (!signal.aborted && !(await untilPlayable().catch(() => false))) {
        await delay(pollMs, undefined, { signal }).catch(() => {});
      }
      terminal.endBar();
    },
    close() {
      for (const each of transports) each.close();
    },
  };
}
