import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Latest } from "./latest.ts";

const never = new AbortController().signal;

test("a watcher gets the value there is and then each newer one", async () => {
  const latest = new Latest("a");
  const watch = latest.watch(never);
  expect(await watch.next()).toEqual({ value: "a", done: false });
  const next = watch.next();
  latest.set("b");
  expect(await next).toEqual({ value: "b", done: false });
});

test("before the first value a watcher waits for it", async () => {
  const latest = new Latest<number>();
  expect(latest.value).toBeUndefined();
  const first = latest.watch(never).next();
  latest.set(1);
  expect(await first).toEqual({ value: 1, done: false });
});

test("a slow watcher gets only the newest value", async () => {
  const latest = new Latest(1);
  const watch = latest.watch(never);
  await watch.next();
  for (const value of [2, 3, 4]) latest.set(value);
  expect((await watch.next()).value).toBe(4);
});

test("a watch ends with its signal, whether it waits or not, and leaves no listener on it", async () => {
  const latest = new Latest(1);
  const stop = new AbortController();
  const watch = latest.watch(stop.signal);
  await watch.next();
  for (const value of [2, 3]) {
    const next = watch.next();
    latest.set(value);
    await next;
  }
  const waiting = watch.next();
  stop.abort();
  expect(await waiting).toEqual({ value: undefined, done: true });
  expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  expect(await latest.watch(AbortSignal.abort()).next()).toEqual({ value: undefined, done: true });
});
