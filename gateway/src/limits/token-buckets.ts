import { LRUCache } from "lru-cache";

/** How many calls are allowed in the long run, and how many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Keys beyond this many push the oldest out: memory stays bounded whoever calls. */
const MAX_KEYS = 50_000;

/** One token bucket for each key. O(1); a key that is not used costs nothing. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #monotonic: () => number;
  /** Hears of each token taken here. */
  onTaken: ((key: string) => void) | undefined;
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_KEYS });

  constructor(rate: Rate, monotonic: () => number) {
    this.#rate = rate;
    this.#monotonic = monotonic;
  }

  /** Takes a token. 0, or in how many milliseconds there will be one. */
  take(key: string): number {
    const bucket = this.#filled(key);
    const waitMs = this.#waitMs(bucket);
    if (waitMs > 0) return waitMs;
    bucket.tokens--;
    this.onTaken?.(key);
    return 0;
  }

  /** Tokens that were taken from the same bucket by another process. It owes a second burst at most. */
  takeElsewhere(key: string, count: number): void {
    const bucket = this.#filled(key);
    bucket.tokens = Math.max(-this.#rate.burst, bucket.tokens - count);
  }

  /** The same without taking it. */
  waitMs(key: string): number {
    return this.#waitMs(this.#filled(key));
  }

  #waitMs({ tokens }: Bucket): number {
    return tokens >= 1 ? 0 : ((1 - tokens) * 1000) / this.#rate.perSecond;
  }

  #filled(key: string): Bucket {
    const nowMs = this.#monotonic();
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = { tokens: this.#rate.burst, atMs: nowMs };
      this.#buckets.set(key, bucket);
    }
    const gained = ((nowMs - bucket.atMs) * this.#rate.perSecond) / 1000;
    bucket.tokens = Math.min(this.#rate.burst, bucket.tokens + gained);
    bucket.atMs = nowMs;
    return bucket;
  }
}
