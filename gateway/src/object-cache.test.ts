import { randomBytes } from "node:crypto";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { Range } from "./byte-range.ts";
import { BLOCK_BYTES, objectCache } from "./object-cache.ts";

const OBJECT = randomBytes(5 * BLOCK_BYTES + 100);

function bed(maxBytes = 100 * BLOCK_BYTES) {
  const metrics = new Registry();
  const cache = objectCache({ maxBytes, metrics });
  const fetched: Range[] = [];
  const fetch = async (range: Range) => {
    fetched.push(range);
    return OBJECT.subarray(range.start, range.end + 1);
  };
  const object = (key = "a") => ({ key, size: OBJECT.length, fetch });
  const read = async (range: Range, key?: string) =>
    Buffer.concat(await Array.fromAsync(cache.read(object(key), range)));
  const metric = async (name: string, labels: object = {}) => {
    const values = (await metrics.getSingleMetric(name)?.get())?.values ?? [];
    return values.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))?.value ?? 0;
  };
  return { cache, object, fetched, read, metric };
}

describe("a range", () => {
  test.each([
    [0, 0],
    [0, OBJECT.length - 1],
    [BLOCK_BYTES - 1, BLOCK_BYTES],
    [BLOCK_BYTES, 2 * BLOCK_BYTES - 1],
    [OBJECT.length - 1, OBJECT.length - 1],
    [12_345, 234_567],
  ])("from %i to %i is what the object has there, and costs its blocks only", async (start, end) => {
    const { read, fetched } = bed();
    expect((await read({ start, end })).equals(OBJECT.subarray(start, end + 1))).toBe(true);
    expect(fetched).toHaveLength(Math.floor(end / BLOCK_BYTES) - Math.floor(start / BLOCK_BYTES) + 1);
  });
});

test("what was read is not read again, and other objects are not mistaken for it", async () => {
  const { read, fetched, metric } = bed();
  await read({ start: 0, end: 99 });
  await read({ start: 50, end: 200 });
  expect(fetched).toHaveLength(1);
  await read({ start: 0, end: 99 }, "b");
  expect(fetched).toHaveLength(2);
  expect(await metric("gateway_media_blocks_total", { result: "hit" })).toBe(1);
  expect(await metric("gateway_media_blocks_total", { result: "miss" })).toBe(2);
  expect(await metric("gateway_media_cache_bytes")).toBe(2 * BLOCK_BYTES);
});

test("requests for the same block share one reading of it", async () => {
  const { read, fetched, metric } = bed();
  const range = { start: 0, end: 2 * BLOCK_BYTES - 1 };
  const answers = await Promise.all(Array.from({ length: 20 }, () => read(range)));
  for (const answer of answers) expect(answer.equals(OBJECT.subarray(0, range.end + 1))).toBe(true);
  expect(fetched).toHaveLength(2);
  expect(await metric("gateway_media_blocks_total", { result: "joined" })).toBe(38);
});

test("memory stays within its bound, and a block pushed out is read again", async () => {
  const { read, fetched, metric } = bed(3 * BLOCK_BYTES);
  const everything = { start: 0, end: OBJECT.length - 1 };
  expect((await read(everything)).equals(OBJECT)).toBe(true);
  expect(await metric("gateway_media_cache_bytes")).toBeLessThanOrEqual(3 * BLOCK_BYTES);
  await read({ start: 0, end: 0 });
  expect(fetched).toHaveLength(7);
});

test("nothing is read before it is asked for", async () => {
  const { cache, object, fetched } = bed();
  const blocks = cache.read(object(), { start: 0, end: OBJECT.length - 1 });
  await blocks.next();
  expect(fetched).toHaveLength(1);
  await blocks.return(undefined);
});

test("a reading that fails, or brings too little, is told to all who wait and not remembered", async () => {
  const { cache, read } = bed();
  const range = { start: 0, end: 9 };
  const from = (fetch: () => Promise<Uint8Array>) =>
    Array.fromAsync(cache.read({ key: "a", size: OBJECT.length, fetch }, range));
  const failing = () => Promise.reject(new Error("away"));
  const answers = await Promise.allSettled([from(failing), from(failing)]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(from(async () => OBJECT.subarray(0, 5))).rejects.toThrow("got 5");
  expect((await read(range)).equals(OBJECT.subarray(0, 10))).toBe(true);
});
