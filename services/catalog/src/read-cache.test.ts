import { beforeEach, expect, test } from "vitest";
import { ReadCache } from "./read-cache.ts";

interface Entry {
  readonly version: number;
}

let cache: ReadCache<Entry>;
let reads: string[];
let version: number;
beforeEach(() => {
  cache = new ReadCache({ max: 100, ttlMs: 60_000 });
  reads = [];
  version = 1;
});

async function read(key: string): Promise<Entry> {
  reads.push(key);
  return { version };
}

test("what was read is kept until it changes", async () => {
  await cache.get("a", read);
  expect(await cache.get("a", read)).toEqual({ version: 1 });
  version = 2;
  cache.invalidate("a");
  expect(await cache.get("a", read)).toEqual({ version: 2 });
  expect(reads).toEqual(["a", "a"]);
});

test("a change of one leaves the others", async () => {
  await cache.get("a", read);
  await cache.get("b", read);
  cache.invalidate("a");
  await cache.get("b", read);
  expect(reads).toEqual(["a", "b"]);
});

test("a value that was being read while it changed is not kept", async () => {
  const stale = Promise.withResolvers<Entry>();
  const reading = cache.get("a", () => stale.promise);
  cache.invalidate("a");
  stale.resolve({ version: 1 });
  expect(await reading).toEqual({ version: 1 });
  version = 2;
  expect(await cache.get("a", read)).toEqual({ version: 2 });
});

test("many are read at once, and only those that are missing", async () => {
  await cache.get("a", read);
  const asked: (readonly string[])[] = [];
  const found = await cache.getMany(["a", "b", "c", "b"], async (missing) => {
    asked.push(missing);
    return new Map([["b", { version: 7 }]]);
  });
  expect(asked).toEqual([["b", "c"]]);
  expect([...found.keys()]).toEqual(["a", "b"]);
});

test("what is not there is asked for again", async () => {
  expect(await cache.get("a", async () => undefined)).toBeUndefined();
  expect(await cache.get("a", read)).toEqual({ version: 1 });
});
