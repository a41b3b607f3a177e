import { expect, test } from "vitest";
import { mapConcurrent } from "./map-concurrent.ts";

test("results come as they are ready, with a limit of items under way", async () => {
  const under = new Map<string, () => void>();
  const results = mapConcurrent(
    ["a", "b", "c", "d"],
    2,
    (item) => new Promise<string>((resolve) => under.set(item, () => resolve(item))),
  );
  const first = results.next();
  expect([...under.keys()]).toEqual(["a", "b"]);
  under.get("b")!();
  expect((await first).value).toBe("b");
  const second = results.next();
  expect([...under.keys()]).toEqual(["a", "b", "c"]);
  under.get("a")!();
  expect((await second).value).toBe("a");
  const third = results.next();
  under.get("d")!();
  expect((await third).value).toBe("d");
  const last = results.next();
  under.get("c")!();
  expect((await last).value).toBe("c");
  expect((await results.next()).done).toBe(true);
});

test("a reader that stops starts nothing more and waits for what is under way", async () => {
  let started = 0;
  let finished = 0;
  for await (const _ of mapConcurrent(Array.from({ length: 100 }), 3, async () => {
    started += 1;
    await Promise.resolve();
    finished += 1;
  })) {
    break;
  }
  expect(started).toBeLessThanOrEqual(4);
  expect(finished).toBe(started);
});

test("an error ends it", async () => {
  const results = mapConcurrent([1, 2, 3], 1, async (item) => {
    if (item === 2) throw new Error("two");
    return item;
  });
  await expect(Array.fromAsync(results)).rejects.toThrow("two");
});
