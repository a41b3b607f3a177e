import { basename, dirname, extname } from "node:path";
import { stableId } from "@antiphon/mesh";

/** The tags of a file as they were found: nothing of it is trusted. */
export interface Tags {
  readonly title?: string | undefined;
  readonly artist?: string | undefined;
  readonly album?: string | undefined;
  readonly albumArtist?: string | undefined;
  readonly disc?: number | null | undefined;
  readonly track?: number | null | undefined;
  readonly year?: number | undefined;
  readonly genres?: readonly string[] | undefined;
}

/** A track's description: what listeners see of a file. */
export interface TrackDescription {
  readonly title: string;
  readonly artist: string;
  readonly album: string;
  readonly albumArtist: string;
  /** 1 and up; 0 where it is not known, as for the three that follow. */
  readonly discNumber: number;
  readonly trackNumber: number;
  readonly year: number;
  readonly durationMs: number;
  readonly genres: readonly string[];
  /** False where neither title, artist nor album was tagged and the file's name stood in. */
  readonly tagged: boolean;
}

const UNKNOWN_ARTIST = "Unknown artist";
const MAX_TEXT_LENGTH = 300;
const MAX_GENRES = 10;

/** Describes a file by its tags, and by its name and folder where they say nothing. */
export function describeTrack(path: string, tags: Tags, durationSeconds: number): TrackDescription {
  const title = clean(tags.title);
  const artist = clean(tags.artist);
  const album = clean(tags.album);
  const albumArtist = clean(tags.albumArtist);
  const byName = describeName(basename(path, extname(path)));
  return {
    title: title || byName.title,
    artist: artist || albumArtist || UNKNOWN_ARTIST,
    album: album || clean(basename(dirname(path))) || "Unknown album",
    albumArtist: albumArtist || artist || UNKNOWN_ARTIST,
    discNumber: wholeUpTo(tags.disc, 999),
    trackNumber: wholeUpTo(tags.track, 9999) || byName.trackNumber,
    year: wholeUpTo(tags.year, 9999),
    durationMs: wholeUpTo(Math.round(durationSeconds * 1000), 2 ** 31 - 1),
    genres: [...new Set((tags.genres ?? []).map(clean).filter(Boolean))].slice(0, MAX_GENRES),
    tagged: Boolean(title || artist || album),
  };
}

/** "07 - Night Train" is the seventh track, called "Night Train". */
function describeName(name: string): { title: string; trackNumber: number } {
  const [, number, rest] = /^(\d{1,3})[\s._-]+(.+)$/.exec(name) ?? [];
  return rest
    ? { title: clean(rest), trackNumber: Number(number) }
    : { title: clean(name) || "Untitled", trackNumber: 0 };
}

/** One line of text that PostgreSQL and protobuf both take. */
function clean(text: string | undefined): string {
  const line = (text ?? "")
    .toWellFormed()
    .normalize("NFC")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return [...line].slice(0, MAX_TEXT_LENGTH).join("").trim();
}

function wholeUpTo(value: number | null | undefined, max: number): number {
  return Number.isInteger(value) && value! >= 0 && value! <= max ? value! : 0;
}

/** The form in which names are compared: without case, accents and surplus space. */
function comparable(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

const MAX_SORT_KEY_LENGTH = 60;

/** What lists are sorted by; short, since page tokens carry it. */
export function sortKey(text: string): string {
  return [...comparable(text)].slice(0, MAX_SORT_KEY_LENGTH).join("");
}

/** One artist however its name is written. */
export function artistId(name: string): string {
  return stableId("art", comparable(name));
}

/** One album a title and album artist. */
export function albumId(albumArtist: string, title: string): string {
  return stableId("alb", comparable(albumArtist), comparable(title));
}

/** A track is named after the content it was first imported with, and keeps that name when its tags change. */
export function trackId(sourceSha256: string, ...distinguishing: string[]): string {
  return stableId("trk", sourceSha256, ...distinguishing);
}
