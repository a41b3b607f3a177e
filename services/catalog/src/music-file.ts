import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { extname } from "node:path";
import { ImportProblemReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type IAudioMetadata, type ILyricsTag, parseBlob, selectCover } from "music-metadata";
import {
  type Container,
  isEncrypted,
  isTruncated,
  type RandomAccess,
  sniffContainer,
} from "./completeness.ts";
import { type Cover, coverOf } from "./cover.ts";
import { type Lyrics, readLyrics, timedLyrics } from "./lyrics.ts";
import { describeTrack, type TrackDescription } from "./track.ts";

/** A file's identity on disk: while it stays, its content is taken to be the same. */
export interface FileStamp {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** A file that was read as music. */
export interface MusicFile {
  readonly description: TrackDescription;
  readonly sha256: string;
  readonly embeddedCover: Cover | undefined;
  readonly embeddedLyrics: Lyrics | undefined;
}

/** Why a file is not imported, in words that end the sentence "<file> …". */
export class MusicFileError extends Error {
  override readonly name = "MusicFileError";
  readonly reason: ImportProblemReason;
  constructor(reason: ImportProblemReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const MIME_TYPES: Record<Container, string> = {
  flac: "audio/flac",
  ogg: "audio/ogg",
  mp4: "audio/mp4",
  mpeg: "audio/mpeg",
};

const EXTENSIONS: Record<string, Container> = {
  ".flac": "flac",
  ".ogg": "ogg",
  ".opus": "ogg",
  ".m4a": "mp4",
  // Sold with a lock: listed, so that it is said why it is not imported.
  ".m4p": "mp4",
  ".mp3": "mpeg",
};

/** Whether the import looks at a file of this name. */
export function isMusicName(name: string): boolean {
  return extname(name).toLowerCase() in EXTENSIONS;
}

/** Throws MusicFileError (UNREADABLE) where there is no plain file. */
export async function stampOf(path: string): Promise<FileStamp> {
  const found = await stat(path).catch(unreadable);
  if (!found.isFile()) throw new MusicFileError(ImportProblemReason.UNREADABLE, "is no plain file");
  return { sizeBytes: found.size, mtimeMs: Math.trunc(found.mtimeMs) };
}

/**
 * Reads tags, length, cover and content hash.
 * Throws MusicFileError: UNREADABLE, NOT_MUSIC (by content, whatever its name), TRUNCATED or PROTECTED.
 */
export async function readMusicFile(path: string): Promise<MusicFile> {
  const container = await checkContainer(path);
  const { format, common } = await parse(path, container);
  const picture = selectCover(common.picture);
  return {
    description: describeTrack(
      path,
      {
        title: common.title,
        artist: common.artist,
        album: common.album,
        albumArtist: common.albumartist,
        disc: common.disk.no,
        track: common.track.no,
        year: common.year,
        genres: common.genre,
      },
      format.duration ?? 0,
    ),
    sha256: await sha256Of(path),
    embeddedCover: picture ? coverOf(picture.data) : undefined,
    embeddedLyrics: lyricsIn(common.lyrics ?? []),
  };
}

/** The first that says when its lines are sung, else the first with words. */
function lyricsIn(tags: readonly ILyricsTag[]): Lyrics | undefined {
  const found = tags.flatMap(({ text, syncText }) => {
    return syncText.length > 0 ? timedLyrics(syncText) : (readLyrics(text ?? "") ?? []);
  });
  return found.find(({ synced }) => synced) ?? found[0];
}

async function parse(path: string, container: Container): Promise<IAudioMetadata> {
  let metadata: IAudioMetadata;
  try {
    // The type is told by content: a FLAC file called .mp3 is read as FLAC.
    metadata = await parseBlob(await openAsBlob(path, { type: MIME_TYPES[container] }), { duration: true });
  } catch (error) {
    throw notMusic(error);
  }
  const { codec, sampleRate, duration } = metadata.format;
  if (!codec || !sampleRate || !duration) throw notMusic();
  return metadata;
}

async function checkContainer(path: string): Promise<Container> {
  const handle = await open(path).catch(unreadable);
  try {
    const file = await randomAccess(handle);
    if (file.sizeBytes === 0) throw new MusicFileError(ImportProblemReason.NOT_MUSIC, "is empty");
    const start = await id3Length(file);
    const audio = start === 0 ? file : after(file, start);
    const container = sniffContainer(await audio.read(0, 16));
    if (container && (await isTruncated(container, audio))) {
      throw new MusicFileError(ImportProblemReason.TRUNCATED, "is cut off: its end is missing");
    }
    if (container === "mp4" && (await isEncrypted(audio))) {
      const message = "is protected by DRM: only the shop's own players can open it";
      throw new MusicFileError(ImportProblemReason.PROTECTED, message);
    }
    // Some MP3 files begin with padding; the parser looks for the first frame.
    return container ?? EXTENSIONS[extname(path).toLowerCase()] ?? "mpeg";
  } finally {
    await handle.close();
  }
}

/** Bytes of an ID3v2 tag at the start, which also stands before other formats than MP3. */
async function id3Length(file: RandomAccess): Promise<number> {
  const head = await file.read(0, 10);
  if (head.length < 10 || head.toString("latin1", 0, 3) !== "ID3") return 0;
  return 10 + head.subarray(6).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
}

async function randomAccess(handle: FileHandle): Promise<RandomAccess> {
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    async read(offset, length) {
      const { buffer, bytesRead } = await handle
        .read(Buffer.alloc(length), 0, length, offset)
        .catch(unreadable);
      return buffer.subarray(0, bytesRead);
    },
  };
}

function after(file: RandomAccess, start: number): RandomAccess {
  return {
    sizeBytes: Math.max(0, file.sizeBytes - start),
    read: (offset, length) => file.read(start + offset, length),
  };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (error) {
    unreadable(error);
  }
  return hash.digest("hex");
}

function unreadable(error: unknown): never {
  const code = error instanceof Error && "code" in error ? error.code : "unknown error";
  throw new MusicFileError(ImportProblemReason.UNREADABLE, `can't be read (${code})`, { cause: error });
}

function notMusic(cause?: unknown): MusicFileError {
  return new MusicFileError(ImportProblemReason.NOT_MUSIC, "has no music that the catalog can read", {
    cause,
  });
}
