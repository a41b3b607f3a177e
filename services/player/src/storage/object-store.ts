import { writeFile } from "node:fs/promises";
import { stableId } from "@antiphon/mesh";
import { LRUCache } from "lru-cache";
import type { Blobs } from "./blobs.ts";
import { BLOCK_BYTES, MAX_SUMS_BYTES, nameSum, Sums, sumsOf } from "./sums.ts";

/** Bytes are not what they were when the object was put. They were not handed out. */
export class DamagedObjectError extends Error {
  override readonly name = "DamagedObjectError";
  readonly objectId: string;
  constructor(objectId: string) {
    super(`object ${objectId} is damaged`);
    this.objectId = objectId;
  }
}

export type ObjectState = "whole" | "damaged" | "missing";

/** Immutable objects named by their content, every byte checked when it is read. */
export interface ObjectStore {
  /** Moves a local file in and names it by its content. The same content is kept once; damaged, it is replaced. */
  put(path: string): Promise<string>;
  /** Its size in bytes; undefined where there is no such object. Rejects with DamagedObjectError. */
  size(id: string): Promise<number | undefined>;
  /** The bytes from `start` to before `end`, in chunks of at most 64 KiB. Rejects with DamagedObjectError. */
  read(id: string, start: number, end: number): AsyncIterable<Buffer>;
  /** Reads all of it. */
  check(id: string): Promise<ObjectState>;
  delete(id: string): Promise<void>;
  /** All names, also those of half objects that a crash left. */
  ids(): AsyncIterable<string>;
}

const CHUNK_BYTES = 4 * BLOCK_BYTES;
/** Sums kept in memory: those of a long track take some 10 KB. */
const MAX_SUMS = 1_000;

/** Also what keeps an id from naming something else. */
const OBJECT_ID = /^ren_[0-9a-z]{20}\.mp4$/;

const sumsName = (id: string) => `${id}.sums`;
const idOf = (sums: Sums) => `${stableId("ren", nameSum(sums))}.mp4`;

export function objectStore(blobs: Blobs): ObjectStore {
  const known = new LRUCache<string, Sums>({ max: MAX_SUMS });

  async function sums(id: string): Promise<Sums | undefined> {
    const found = known.get(id);
    if (found || !OBJECT_ID.test(id)) return found;
    const bytes = await blobs.read(sumsName(id), 0, MAX_SUMS_BYTES);
    if (!bytes) return undefined;
    const read = bytes.length < 8 ? undefined : new Sums(bytes);
    if (!read || idOf(read) !== id) throw new DamagedObjectError(id);
    known.set(id, read);
    return read;
  }

  async function* read(id: string, start: number, end: number): AsyncGenerator<Buffer> {
    const expected = await sums(id);
    if (!expected) throw new DamagedObjectError(id);
    const last = Math.min(end, expected.sizeBytes);
    const lastBlockEnd = Math.min(Math.ceil(last / BLOCK_BYTES) * BLOCK_BYTES, expected.sizeBytes);
    let at = start - (start % BLOCK_BYTES);
    while (at < last) {
      const chunk = await blobs.read(id, at, Math.min(at + CHUNK_BYTES, lastBlockEnd));
      if (!chunk?.length) throw new DamagedObjectError(id);
      for (let block = 0; block < chunk.length; block += BLOCK_BYTES) {
        const index = (at + block) / BLOCK_BYTES;
        if (!expected.matches(index, chunk.subarray(block, block + BLOCK_BYTES)))
          throw new DamagedObjectError(id);
      }
      yield chunk.subarray(Math.max(0, start - at), Math.min(chunk.length, last - at));
      at += CHUNK_BYTES;
    }
  }

  async function check(id: string): Promise<ObjectState> {
    // What is remembered may have been deleted, or damaged, since.
    known.delete(id);
    try {
      const found = await sums(id);
      if (!found) return "missing";
      for await (const _ of read(id, 0, found.sizeBytes));
      return "whole";
    } catch (error) {
      if (error instanceof DamagedObjectError) return "damaged";
      throw error;
    }
  }

  return {
    read,
    check,

    async put(path) {
      const made = await sumsOf(path);
      const id = idOf(made);
      if ((await check(id)) === "whole") return id;
      await blobs.put(id, path);
      // Last: an object is there when its sums are.
      await writeFile(sumsName(path), made.bytes);
      await blobs.put(sumsName(id), sumsName(path));
      return id;
    },

    async size(id) {
      return (await sums(id))?.sizeBytes;
    },

    async delete(id) {
      known.delete(id);
      await blobs.delete(sumsName(id));
      await blobs.delete(id);
    },

    async *ids() {
      for await (const name of blobs.names()) yield name.replace(/\.sums$/, "");
    },
  };
}
