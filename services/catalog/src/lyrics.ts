import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";

/** The words of a track. */
export interface Lyrics {
  readonly lines: readonly LyricsLine[];
  /** Whether its lines say when they are sung; those that don't are all at 0. */
  readonly synced: boolean;
}

export interface LyricsLine {
  readonly startMs: number;
  readonly text: string;
}

const MAX_LINES = 2_000;
const MAX_LINE_LENGTH = 500;
/** A file that is larger is no lyrics, bytes. */
const MAX_LYRICS_BYTES = 512 * 1024;

const TIME = /\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]/g;
const OFFSET = /^\[offset:\s*([+-]?\d{1,6})\s*\]$/i;
/** [ar:…], [ti:…] and the like say what tags say. */
const ABOUT = /^\[[a-z#]+:.*\]$/i;
/** Times within a line, of its words. */
const WORD_TIME = /<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>/g;

/**
 * Reads LRC, or plain text. A line may have several times; [offset:±ms] moves all of them (positive: earlier).
 * Undefined where there are no words.
 */
export function readLyrics(text: string): Lyrics | undefined {
  let offsetMs = 0;
  const timed: LyricsLine[] = [];
  const plain: string[] = [];
  for (const line of text.toWellFormed().split(/\r?\n|\r/)) {
    const trimmed = line.replace(/^\uFEFF/, "").trim();
    const offset = OFFSET.exec(trimmed)?.[1];
    const times = [...trimmed.matchAll(TIME)];
    if (offset !== undefined) offsetMs = Number(offset);
    else if (times.length > 0) {
      const words = cleaned(trimmed.replace(TIME, ""));
      for (const time of times) timed.push({ startMs: startOf(time), text: words });
    } else if (!ABOUT.test(trimmed)) plain.push(cleaned(trimmed));
  }
  if (timed.some(({ text: words }) => words !== "")) {
    const lines = timed.map(({ startMs, text: words }) => ({
      startMs: Math.max(0, startMs - offsetMs),
      text: words,
    }));
    return { lines: lines.sort((a, b) => a.startMs - b.startMs).slice(0, MAX_LINES), synced: true };
  }
  const words = plain.join("\n").trim();
  if (words === "") return undefined;
  const lines = words.split("\n").map((each) => ({ startMs: 0, text: each }));
  return { lines: lines.slice(0, MAX_LINES), synced: false };
}

/** Lines that come with their times, milliseconds. */
export function timedLyrics(
  lines: readonly { readonly text: string; readonly timestamp?: number | undefined }[],
): Lyrics {
  const timed = lines.map(({ text, timestamp = 0 }) => ({
    startMs: Math.max(0, Math.round(timestamp)),
    text: cleaned(text.toWellFormed()),
  }));
  return { lines: timed.slice(0, MAX_LINES), synced: true };
}

function startOf([, minutes, seconds, fraction = ""]: RegExpMatchArray): number {
  return (Number(minutes) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0"));
}

function cleaned(words: string): string {
  const line = words
    .replace(WORD_TIME, "")
    .replace(/\p{Cc}+/gu, " ")
    .replace(/ +/g, " ")
    .trim();
  return [...line].slice(0, MAX_LINE_LENGTH).join("");
}

/** An .lrc file, by its content. */
export interface LyricsFile {
  readonly sha256: string;
  /** Undefined where it has no words. */
  readonly lyrics: Lyrics | undefined;
}

/** The .lrc file beside a music file, called like it; undefined where there is none that can be read. */
export async function lyricsBeside(musicPath: string): Promise<LyricsFile | undefined> {
  const path = `${musicPath.slice(0, -extname(musicPath).length)}.lrc`;
  const file = await stat(path).catch(() => undefined);
  if (!file?.isFile() || file.size > MAX_LYRICS_BYTES) return undefined;
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  return { sha256: createHash("sha256").update(text).digest("hex"), lyrics: readLyrics(text) };
}
