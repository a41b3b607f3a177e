import { LRUCache } from "lru-cache";
import { Counter, Gauge, type Registry } from "prom-client";

/** An answer as it was sent, with all of its bytes. */
export interface KeptAnswer {
  readonly status: number;
  readonly header: Headers;
  readonly body: Buffer;
  /** Milliseconds on the monotonic clock. */
  readonly madeAtMs: number;
}

/** Answers to GETs, so that many who ask for the same make one call of it. */
export interface GetCache {
  /**
   * The answer kept under the key, or the one that somebody waits for already, or a new one. Kept for
   * `maxAgeMs` where it succeeded. Rejects with what `make` rejects with; that is not remembered.
   */
  answer(key: string, maxAgeMs: number, make: () => Promise<KeptAnswer>): Promise<KeptAnswer>;
}

/** What a header and the bookkeeping of an answer take, about. */
const OVERHEAD_BYTES = 1024;

interface Deps {
  /** What all answers together may take; those that were not asked for longest go. */
  readonly maxBytes: number;
  readonly metrics: Registry;
}

export function getCache({ maxBytes, metrics }: Deps): GetCache {
  const kept = new LRUCache<string, KeptAnswer>({
    maxSize: maxBytes,
    sizeCalculation: ({ body }, key) => body.length + key.length + OVERHEAD_BYTES,
  });
  const underway = new Map<string, Promise<KeptAnswer>>();
  const gets = new Counter({
    name: "gateway_get_cache_total",
    help: "GETs that may be cached, by where their answer was found.",
    labelNames: ["result"],
    registers: [metrics],
  });
  new Gauge({
    name: "gateway_get_cache_bytes",
    help: "Bytes of answers in memory, about.",
    registers: [metrics],
    collect() {
      this.set(kept.calculatedSize);
    },
  });
  const start = (key: string, maxAgeMs: number, make: () => Promise<KeptAnswer>) => {
    const making = make()
      .then((answer) => {
        if (answer.status === 200) kept.set(key, answer, { ttl: maxAgeMs });
        return answer;
      })
      .finally(() => underway.delete(key));
    underway.set(key, making);
    return making;
  };
  return {
    async answer(key, maxAgeMs, make) {
      const known = kept.get(key);
      const joined = known ?? underway.get(key);
      gets.inc({ result: known ? "hit" : joined ? "joined" : "miss" });
      return joined ?? start(key, maxAgeMs, make);
    },
  };
}
