import { dirname, relative } from "node:path";
import { ImportProblemReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Cover, folderCover } from "./cover.ts";
import { listFolder } from "./folder.ts";
import { type Lyrics, lyricsBeside } from "./lyrics.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import {
  type FileStamp,
  isMusicName,
  type MusicFile,
  MusicFileError,
  readMusicFile,
  stampOf,
} from "./music-file.ts";
import { smallerCovers } from "./smaller-covers.ts";

/** A file as the store keeps it. */
export interface ImportedFile extends MusicFile {
  readonly path: string;
  readonly stamp: FileStamp;
  /** The embedded one, else the one of its folder. */
  readonly cover: Cover | undefined;
  /** The cover in the sizes that are below its own. */
  readonly smallerCovers: readonly Cover[];
  /** The .lrc file's beside it, else the embedded ones. */
  readonly lyrics: Lyrics | undefined;
  readonly lrcSha256: string | undefined;
}

/** What an earlier import knows of the file at a path. */
export interface KnownFile {
  readonly stamp: FileStamp;
  readonly tagged: boolean;
  readonly coverEmbedded: boolean;
  readonly coverId: string | undefined;
  readonly lrcSha256: string | undefined;
}

export type SaveResult = "imported" | "changed" | "unchanged";

/** Where an import keeps what it read. */
export interface ImportStore {
  known(path: string): Promise<KnownFile | undefined>;
  /** One transaction: the track and its event, or nothing. */
  save(file: ImportedFile): Promise<SaveResult>;
}

export interface ImportProblemFound {
  readonly file: string;
  readonly reason: ImportProblemReason;
  readonly message: string;
  readonly imported: boolean;
}

export interface ImportResult {
  imported: number;
  changed: number;
  unchanged: number;
  readonly problems: ImportProblemFound[];
}

export interface ImportProgress {
  readonly filesTotal: number;
  readonly filesDone: number;
  /** Relative to the folder; empty in the first and the last. */
  readonly file: string;
  /** Only in the last. */
  readonly result?: ImportResult;
}

const CONCURRENT_FILES = 4;

/**
 * Imports a folder and says how far it is: once at the start, after each file, and at the end with the
 * result. A file that is no music is a problem in the result; an error of the store ends the import,
 * and what was imported until then stays.
 */
export async function* importFolder(
  store: ImportStore,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<ImportProgress, void, undefined> {
  const listing = await listFolder(folder, isMusicName, signal);
  const result: ImportResult = { imported: 0, changed: 0, unchanged: 0, problems: [] };
  const filesTotal = listing.files.length;
  for (const path of listing.unreadable) {
    const message = `${relative(folder, path)} is a folder that can't be read`;
    result.problems.push({
      file: relative(folder, path),
      reason: ImportProblemReason.UNREADABLE,
      message,
      imported: false,
    });
  }
  yield { filesTotal, filesDone: 0, file: "" };

  const covers: Covers = {
    ofFolder: rememberLast(folderCover, (path) => path),
    smaller: rememberLast(smallerCovers, ({ id }) => id),
  };
  let filesDone = 0;
  const outcomes = mapConcurrent(listing.files, CONCURRENT_FILES, async (path) => {
    signal.throwIfAborted();
    return { path, outcome: await importFile(store, path, covers) };
  });
  for await (const { path, outcome } of outcomes) {
    const file = relative(folder, path);
    if (outcome.saved) result[outcome.saved] += 1;
    if (outcome.problem) {
      const { reason, message } = outcome.problem;
      result.problems.push({ file, reason, message: `${file} ${message}`, imported: Boolean(outcome.saved) });
    }
    yield { filesTotal, filesDone: ++filesDone, file };
  }
  result.problems.sort((a, b) => (a.file < b.file ? -1 : 1));
  yield { filesTotal, filesDone, file: "", result };
}

type Problem = Pick<MusicFileError, "reason" | "message">;

interface Outcome {
  readonly saved?: SaveResult;
  readonly problem?: Problem;
}

const UNTAGGED: Problem = {
  reason: ImportProblemReason.NO_TAGS,
  message: "has no tags; it was imported by the name of its file and folder",
};

interface Covers {
  ofFolder(folder: string): Promise<Cover | undefined>;
  smaller(cover: Cover): Promise<readonly Cover[]>;
}

async function importFile(store: ImportStore, path: string, covers: Covers): Promise<Outcome> {
  try {
    const stamp = await stampOf(path);
    const lying = await covers.ofFolder(dirname(path));
    const lrc = await lyricsBeside(path);
    const known = await store.known(path);
    if (known && isUntouched(known, stamp, lying) && known.lrcSha256 === lrc?.sha256) {
      return { saved: "unchanged", ...(known.tagged ? {} : { problem: UNTAGGED }) };
    }
    const file = await readMusicFile(path);
    const cover = file.embeddedCover ?? lying;
    const lyrics = lrc?.lyrics ?? file.embeddedLyrics;
    const saved = await store.save({
      ...file,
      path,
      stamp,
      cover,
      smallerCovers: cover ? await covers.smaller(cover) : [],
      lyrics,
      lrcSha256: lrc?.sha256,
    });
    return { saved, ...(file.description.tagged ? {} : { problem: UNTAGGED }) };
  } catch (error) {
    if (error instanceof MusicFileError) return { problem: error };
    throw error;
  }
}

/** Whether a file need not be read again: same size, same time of change, same cover. */
function isUntouched(known: KnownFile, stamp: FileStamp, lying: Cover | undefined): boolean {
  return (
    known.stamp.sizeBytes === stamp.sizeBytes &&
    known.stamp.mtimeMs === stamp.mtimeMs &&
    (known.coverEmbedded || known.coverId === lying?.id)
  );
}

/** Makes again only what differs from the last: the files of a folder come one after the other. */
function rememberLast<Of, Made>(make: (of: Of) => Promise<Made>, keyOf: (of: Of) => string) {
  let last: { key: string; made: Promise<Made> } | undefined;
  return (of: Of): Promise<Made> => {
    const key = keyOf(of);
    if (last?.key !== key) last = { key, made: make(of) };
    return last.made;
  };
}
