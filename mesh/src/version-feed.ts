import { once } from "node:events";
import pg from "pg";
import { keepRunning } from "./keep-running.ts";
import { Latest } from "./latest.ts";
import type { Logger } from "./telemetry/logger.ts";

export interface VersionFeedDeps {
  /** Where a connection of its own is opened, to hear notifications on. */
  readonly databaseUrl: string;
  /** Whoever changes a thing notifies this channel in its transaction; the payload is `<version> <key>`. */
  readonly channel: string;
  /** The versions of those that have one. */
  readonly versions: (keys: readonly string[]) => Promise<Map<string, bigint>>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** More watchers at a time are refused, default 10,000. */
  readonly maxWatchers?: number;
}

/** There are as many watchers as this replica takes. */
export class TooManyWatchersError extends Error {
  override readonly name = "TooManyWatchersError";
}

interface Watched {
  readonly latest: Latest<bigint>;
  watchers: number;
}

/**
 * Tells watchers the version of what they watch, whichever replica changes it: PostgreSQL notifies all of
 * them, so it needs no broker. What was notified while the connection was away is read afterwards.
 * Versions only grow.
 */
export class VersionFeed {
  readonly #deps: VersionFeedDeps;
  readonly #watched = new Map<string, Watched>();
  #watchers = 0;

  constructor(deps: VersionFeedDeps) {
    this.#deps = deps;
  }

  get watchers(): number {
    return this.#watchers;
  }

  /** Resolves when the signal has aborted and the connection is closed. */
  run(): Promise<void> {
    const { log, signal } = this.#deps;
    return keepRunning({ what: "listening for versions", log, signal }, () => this.#listen());
  }

  /**
   * The key's version now, 0 where it has none, and then at each change the newest. Ends when the signal aborts.
   * Throws {@link TooManyWatchersError} before the first value.
   */
  async *watch(key: string, signal: AbortSignal): AsyncGenerator<bigint, void, undefined> {
    const limit = this.#deps.maxWatchers ?? 10_000;
    if (this.#watchers >= limit) throw new TooManyWatchersError(`${limit} watchers are here already`);
    const watched = this.#watched.get(key) ?? { latest: new Latest<bigint>(), watchers: 0 };
    this.#watched.set(key, watched);
    watched.watchers++;
    this.#watchers++;
    try {
      // Watched before it is read, so that no change falls between.
      const versions = await this.#deps.versions([key]);
      this.#advance(key, versions.get(key) ?? 0n);
      yield* watched.latest.watch(signal);
    } finally {
      this.#watchers--;
      if (--watched.watchers === 0) this.#watched.delete(key);
    }
  }

  async #listen(): Promise<void> {
    const { databaseUrl, channel, versions, signal } = this.#deps;
    const client = new pg.Client({ connectionString: databaseUrl, keepAlive: true });
    // A connection may break twice, and an "error" event that nobody listens to ends the process.
    client.on("error", () => {});
    await client.connect();
    const closed = once(client, "end", { signal });
    closed.catch(() => {});
    try {
      client.on("notification", ({ payload = "" }) => {
        const [version = "", key = ""] = payload.split(" ");
        this.#advance(key, BigInt(version));
      });
      await client.query(`LISTEN ${channel}`);
      for (const [key, version] of await versions([...this.#watched.keys()])) this.#advance(key, version);
      await closed;
      throw new Error("the connection was closed");
    } finally {
      await client.end();
    }
  }

  #advance(key: string, version: bigint): void {
    const latest = this.#watched.get(key)?.latest;
    if (latest && version > (latest.value ?? -1n)) latest.set(version);
  }
}
