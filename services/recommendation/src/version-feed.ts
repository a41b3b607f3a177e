import { once } from "node:events";
import { keepRunning, Latest, type Logger } from "@antiphon/mesh";
import type { Client } from "pg";

import { VERSION_CHANNEL } from "./taste-store.ts";

export interface VersionFeedDeps {
  /** A connection of its own, already open, to hear notifications on. */
  readonly connect: () => Promise<Client>;
  readonly versions: (listenerIds: readonly string[]) => Promise<Map<string, bigint>>;
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
 * Tells watchers the version of their listener's recommendations, whichever replica handles the event
 * that changed it: PostgreSQL notifies all of them. What was notified while the connection was away is
 * read afterwards. Versions only grow.
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
   * The listener's version now, and then at each change the newest. Ends when the signal aborts.
   * Throws {@link TooManyWatchersError} before the first value.
   */
  async *watch(listenerId: string, signal: AbortSignal): AsyncGenerator<bigint, void, undefined> {
    const limit = this.#deps.maxWatchers ?? 10_000;
    if (this.#watchers >= limit) throw new TooManyWatchersError(`${limit} watchers are here already`);
    const watched = this.#watched.get(listenerId) ?? { latest: new Latest<bigint>(), watchers: 0 };
    this.#watched.set(listenerId, watched);
    watched.watchers++;
    this.#watchers++;
    try {
      // Watched before it is read, so that no change falls between.
      const versions = await this.#deps.versions([listenerId]);
      this.#advance(listenerId, versions.get(listenerId) ?? 0n);
      yield* watched.latest.watch(signal);
    } finally {
      this.#watchers--;
      if (--watched.watchers === 0) this.#watched.delete(listenerId);
    }
  }

  async #listen(): Promise<void> {
    const { connect, versions, signal } = this.#deps;
    const client = await connect();
    // A connection may break twice, and an "error" event that nobody listens to ends the process.
    client.on("error", () => {});
    const closed = once(client, "end", { signal });
    closed.catch(() => {});
    try {
      client.on("notification", ({ payload = "" }) => {
        const [version = "", listenerId = ""] = payload.split(" ");
        this.#advance(listenerId, BigInt(version));
      });
      await client.query(`LISTEN ${VERSION_CHANNEL}`);
      for (const [id, version] of await versions([...this.#watched.keys()])) this.#advance(id, version);
      await closed;
      throw new Error("the connection was closed");
    } finally {
      await client.end();
    }
  }

  #advance(listenerId: string, version: bigint): void {
    const latest = this.#watched.get(listenerId)?.latest;
    if (latest && version > (latest.value ?? -1n)) latest.set(version);
  }
}
