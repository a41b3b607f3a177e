import { createHash, hash } from "node:crypto";
import { createReadStream } from "node:fs";

/** What is checked, and therefore read, at a time. */
export const BLOCK_BYTES = 16 * 1024;
const SUM_BYTES = 16;
const SIZE_BYTES = 8;

/**
 * The sums of an object: its size (8 bytes, big-endian) and the first 16 bytes of SHA-256 of each of its
 * blocks of 16 KiB. An object is named by the hash of its sums, so that a part of it can be checked without
 * the rest, and the sums by the name.
 */
export class Sums {
  readonly bytes: Buffer;
  readonly sizeBytes: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.sizeBytes = Number(bytes.readBigUInt64BE(0));
  }

  /** Whether this is block `index` of the object. */
  matches(index: number, block: Uint8Array): boolean {
    const at = SIZE_BYTES + index * SUM_BYTES;
    return this.bytes.subarray(at, at + SUM_BYTES).equals(sumOf(block));
  }
}

/** How many bytes the sums of an object take that is as large as can be, 4 GiB. */
export const MAX_SUMS_BYTES = SIZE_BYTES + (2 ** 32 / BLOCK_BYTES) * SUM_BYTES;

/** Sums up a file. */
export async function sumsOf(path: string): Promise<Sums> {
  const sums: Buffer[] = [Buffer.alloc(SIZE_BYTES)];
  let sizeBytes = 0;
  // A stream of a file has chunks of this length, but for the last.
  for await (const block of createReadStream(path, { highWaterMark: BLOCK_BYTES })) {
    sums.push(sumOf(block));
    sizeBytes += block.length;
  }
  sums[0]!.writeBigUInt64BE(BigInt(sizeBytes));
  return new Sums(Buffer.concat(sums));
}

/** What an object is named by. */
export function nameSum({ bytes }: Sums): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function sumOf(block: Uint8Array): Buffer {
  return hash("sha256", block, "buffer").subarray(0, SUM_BYTES);
}
