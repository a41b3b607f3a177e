import { LRUCache } from "lru-cache";

export interface ReadCacheOptions {
  /** Entries kept at most. */
  readonly max: number;
  /** How long an entry is believed without a word from the events, milliseconds. */
  readonly ttlMs: number;
}

/**
 * Keeps what was read, until told that it changed. A value that was being read while its change was told
 * is handed out and not kept: it may be from before the change. What is not there is not remembered.
 */
export class ReadCache<V extends object> {
  readonly #kept: LRUCache<string, V>;
  /** Counts the changes told so far. */
  #epoch = 0;

  constructor({ max, ttlMs }: ReadCacheOptions) {
    this.#kept = new LRUCache({ max, ttl: ttlMs });
  }

  /** The value under a key, from `read` where it is not kept. */
  async get(key: string, read: (key: string) => Promise<V | undefined>): Promise<V | undefined> {
    const found = await this.getMany([key], async () => {
      const value = await read(key);
      return new Map(value ? [[key, value]] : []);
    });
    return found.get(key);
  }

  /** The values under these keys; `read` is asked once, for those that are not kept. */
  async getMany(
    keys: readonly string[],
    read: (missing: readonly string[]) => Promise<ReadonlyMap<string, V>>,
  ): Promise<Map<string, V>> {
    const found = new Map<string, V>();
    const missing: string[] = [];
    for (const key of new Set(keys)) {
      const value = this.#kept.get(key);
      if (value) found.set(key, value);
      else missing.push(key);
    }
    if (missing.length === 0) return found;
    const epoch = this.#epoch;
    for (const [key, value] of await read(missing)) {
      found.set(key, value);
      if (epoch === this.#epoch) this.#kept.set(key, value);
    }
    return found;
  }

  /** Forgets one value. */
  invalidate(key: string): void {
    this.#epoch += 1;
    this.#kept.delete(key);
  }

  /** Forgets all. */
  clear(): void {
    this.#epoch += 1;
    this.#kept.clear();
  }
}
