import { DatabaseSync, type StatementSync } from "node:sqlite";
import { closeMatches, typoMatch } from "./match-expression.ts";
import { type SearchText, scoreOf } from "./ranking.ts";
import { Vocabulary } from "./vocabulary.ts";
import { wordsOf } from "./words.ts";

/** The kinds of entry, each with a text table of its own so that no kind crowds out another. */
export const KINDS = ["track", "album", "artist", "playlist"] as const;
export type EntryKind = (typeof KINDS)[number];

/** One thing that can be found. */
export interface Entry {
  readonly id: string;
  /** What the search answers with. */
  readonly message: Uint8Array;
  /** As people wrote it; it is folded here. */
  readonly title: string;
  readonly artist?: string | undefined;
  readonly album?: string | undefined;
  readonly artistId?: string | undefined;
  readonly albumId?: string | undefined;
  /** The only listener who may find it. Default: everybody. */
  readonly visibleTo?: string | undefined;
}

/** Ranking looks at no more than this many matches of a kind, so that one letter costs no more than a word. */
const MAX_CANDIDATES = 200;
const MAX_TYPOS = 30;

interface TextRow extends SearchText {
  readonly rowid: number;
}

/** Entries and their words in SQLite FTS5, in memory, synchronous. Knows nothing of music. */
export class IndexStore {
  readonly #db = new DatabaseSync(":memory:");
  readonly #vocabulary = new Vocabulary();
  /** What the open transaction does to the vocabulary, once it is committed. */
  readonly #added: string[] = [];
  readonly #removed: string[] = [];
  readonly #texts: Readonly<Record<EntryKind, TextTable>>;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #find: StatementSync;
  readonly #message: StatementSync;
  readonly #byArtist: StatementSync;
  readonly #byAlbum: StatementSync;

  constructor() {
    this.#db.exec(`
      CREATE TABLE entry (
        rowid INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, message BLOB NOT NULL,
        artist_id TEXT, album_id TEXT, visible_to TEXT, UNIQUE (kind, id)
      ) STRICT;
      CREATE INDEX entry_artist ON entry (artist_id) WHERE artist_id IS NOT NULL;
      CREATE INDEX entry_album ON entry (album_id) WHERE album_id IS NOT NULL;
    `);
    this.#texts = {
      track: new TextTable(this.#db, "track"),
      album: new TextTable(this.#db, "album"),
      artist: new TextTable(this.#db, "artist"),
      playlist: new TextTable(this.#db, "playlist"),
    };
    this.#insert = this.#db.prepare(
      "INSERT INTO entry (kind, id, message, artist_id, album_id, visible_to) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#delete = this.#db.prepare("DELETE FROM entry WHERE rowid = ?");
    this.#find = this.#db.prepare("SELECT rowid, artist_id, album_id FROM entry WHERE kind = ? AND id = ?");
    this.#message = this.#db.prepare("SELECT message FROM entry WHERE rowid = ?");
    this.#byArtist = this.#db.prepare("SELECT message FROM entry WHERE artist_id = ? ORDER BY rowid");
    this.#byAlbum = this.#db.prepare("SELECT message FROM entry WHERE album_id = ? ORDER BY rowid");
  }

  /** Adds an entry in place of the one with its id, if there is one. */
  put(kind: EntryKind, entry: Entry): void {
    this.remove(kind, entry.id);
    const { lastInsertRowid } = this.#insert.run(
      kind,
      entry.id,
      entry.message,
      entry.artistId ?? null,
      entry.albumId ?? null,
      entry.visibleTo ?? null,
    );
    const text = {
      title: wordsOf(entry.title).join(" "),
      artist: wordsOf(entry.artist ?? "").join(" "),
      album: wordsOf(entry.album ?? "").join(" "),
    };
    this.#texts[kind].insert(Number(lastInsertRowid), text);
    this.#added.push(...wordsIn(text));
  }

  /** Takes an entry away; answers of which artist and album it was, undefined if it was not there. */
  remove(kind: EntryKind, id: string): { artistId: string | null; albumId: string | null } | undefined {
    const row = this.#find.get(kind, id);
    if (!row) return undefined;
    const rowid = Number(row.rowid);
    const text = this.#texts[kind].delete(rowid);
    if (text) this.#removed.push(...wordsIn(text));
    this.#delete.run(rowid);
    return { artistId: row.artist_id as string | null, albumId: row.album_id as string | null };
  }

  messagesOfArtist(artistId: string): Uint8Array[] {
    return this.#byArtist.all(artistId).map(({ message }) => message as Uint8Array);
  }

  messagesOfAlbum(albumId: string): Uint8Array[] {
    return this.#byAlbum.all(albumId).map(({ message }) => message as Uint8Array);
  }

  /**
   * The messages of the entries that hold all typed words, best first.
   * Typos are looked for only where closer matches do not fill the limit.
   */
  search(kind: EntryKind, typed: readonly string[], limit: number, listenerId?: string): Uint8Array[] {
    if (typed.length === 0) return [];
    const found = new Map<number, TextRow>();
    const collect = (expression: string) => {
      for (const row of this.#texts[kind].match(expression, listenerId)) found.set(row.rowid, row);
    };
    for (const expression of closeMatches(typed)) {
      if (found.size < MAX_CANDIDATES) collect(expression);
    }
    if (found.size < limit) collect(typoMatch(typed, (word) => this.#vocabulary.typosOf(word, MAX_TYPOS)));
    return [...found.values()]
      .map((row) => ({ row, score: scoreOf(typed, row) }))
      .sort((a, b) => b.score - a.score || compare(a.row.title, b.row.title) || a.row.rowid - b.row.rowid)
      .slice(0, limit)
      .map(({ row }) => this.#message.get(row.rowid)?.message as Uint8Array);
  }

  /** Runs `change`, made of `put` and `remove`, whole or not at all. */
  transaction(change: () => void): void {
    this.#db.exec("BEGIN");
    try {
      change();
      this.#db.exec("COMMIT");
      this.#vocabulary.add(this.#added);
      this.#vocabulary.remove(this.#removed);
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    } finally {
      this.#added.length = 0;
      this.#removed.length = 0;
    }
  }

  /** Merges what many small writes left in pieces; worth it once after a bulk load. */
  optimize(): void {
    for (const kind of KINDS) this.#texts[kind].optimize();
  }

  close(): void {
    this.#db.close();
  }
}

/** The words of one kind of entry, full-text indexed, with beginnings of up to three letters prepared. */
class TextTable {
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  readonly #match: StatementSync;
  readonly #optimize: StatementSync;

  constructor(db: DatabaseSync, kind: EntryKind) {
    const table = `${kind}_text`;
    db.exec(`CREATE VIRTUAL TABLE ${table} USING fts5 (title, artist, album, prefix = '1 2 3')`);
    this.#insert = db.prepare(`INSERT INTO ${table} (rowid, title, artist, album) VALUES (?, ?, ?, ?)`);
    this.#select = db.prepare(`SELECT rowid, title, artist, album FROM ${table} WHERE rowid = ?`);
    this.#delete = db.prepare(`DELETE FROM ${table} WHERE rowid = ?`);
    this.#match = db.prepare(`
      SELECT ${table}.rowid, title, artist, album FROM ${table} JOIN entry ON entry.rowid = ${table}.rowid
      WHERE ${table} MATCH ? AND (visible_to IS NULL OR visible_to = ?) LIMIT ${MAX_CANDIDATES}
    `);
    this.#optimize = db.prepare(`INSERT INTO ${table} (${table}) VALUES ('optimize')`);
  }

  insert(rowid: number, text: SearchText): void {
    this.#insert.run(rowid, text.title, text.artist, text.album);
  }

  delete(rowid: number): SearchText | undefined {
    const text = this.#select.get(rowid) as unknown as TextRow | undefined;
    this.#delete.run(rowid);
    return text;
  }

  match(expression: string, listenerId: string | undefined): TextRow[] {
    return this.#match.all(expression, listenerId ?? null) as unknown as TextRow[];
  }

  optimize(): void {
    this.#optimize.run();
  }
}

function wordsIn({ title, artist, album }: SearchText): string[] {
  return [title, artist, album].flatMap((field) => (field === "" ? [] : field.split(" ")));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
