import { LRUCache } from "lru-cache";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Range } from "./byte-range.ts";

/** What is read, kept and written at a time. */
export const BLOCK_BYTES = 64 * 1024;

/** An object that never changes under its key. */
export interface CachedObject {
  readonly key: string;
  readonly size: number;
  /** Reads these bytes from whoever owns the object. */
  readonly fetch: (range: Range) => Promise<Uint8Array>;
}

/** Objects in memory, in blocks: a range costs its blocks only, and a long object never lies here whole. */
export interface ObjectCache {
  /**
   * The bytes of a range, at most a block at a time, when they are asked for. Requests for the same block
   * share one reading of it; one that fails is not remembered.
   */
  read(object: CachedObject, range: Range): AsyncGenerator<Uint8Array>;
}

type Fetch = () => Promise<Uint8Array>;

interface Deps {
  /** What all blocks together may take; those that were not asked for longest go. */
  readonly maxBytes: number;
  readonly metrics: Registry;
}

export function objectCache({ maxBytes, metrics }: Deps): ObjectCache {
  const blocks = new LRUCache<string, Uint8Array, Fetch>({
    maxSize: maxBytes,
    sizeCalculation: (block) => Math.max(1, block.length),
    fetchMethod: (_key, _stale, { context }) => context(),
    // Whoever waits for a block gets it, whatever pushes it out meanwhile.
    ignoreFetchAbort: true,
  });
  const reads = new Counter({
    name: "gateway_media_blocks_total",
    help: "Blocks of objects that were asked for, by where they were found.",
    labelNames: ["result"],
    registers: [metrics],
  });
  new Gauge({
    name: "gateway_media_cache_bytes",
    help: "Bytes of objects in memory.",
    registers: [metrics],
    collect() {
      this.set(blocks.calculatedSize);
    },
  });

  const block = async ({ key, size, fetch }: CachedObject, index: number): Promise<Uint8Array> => {
    const start = index * BLOCK_BYTES;
    const end = Math.min(start + BLOCK_BYTES, size) - 1;
    const status: LRUCache.Status<string, Uint8Array, Fetch> = {};
    const found = await blocks.forceFetch(`${key} ${index}`, {
      status,
      context: () => whole(fetch({ start, end }), end - start + 1),
    });
    reads.inc({ result: status.fetch === "hit" ? "hit" : status.fetch === "inflight" ? "joined" : "miss" });
    return found;
  };
  return {
    async *read(object, { start, end }) {
      for (let index = Math.floor(start / BLOCK_BYTES); index * BLOCK_BYTES <= end; index++) {
        const from = index * BLOCK_BYTES;
        const bytes = await block(object, index);
        yield bytes.subarray(Math.max(0, start - from), end - from + 1);
      }
    },
  };
}

async function whole(fetching: Promise<Uint8Array>, length: number): Promise<Uint8Array> {
  const bytes = await fetching;
  if (bytes.length !== length) throw new Error(`expected ${length} bytes of the object, got ${bytes.length}`);
  return bytes;
}
