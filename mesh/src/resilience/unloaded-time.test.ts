import { expect, test } from "vitest";
import { UnloadedTime } from "./unloaded-time.ts";

/** One call a window. */
function after(...calls: [tookMs: number, times: number, hasTimeToSpare: boolean][]): number {
  const unloaded = new UnloadedTime();
  for (const [tookMs, times, hasTimeToSpare] of calls) {
    for (let call = 0; call < times; call++) {
      unloaded.observe(tookMs);
      unloaded.settle(hasTimeToSpare);
    }
  }
  return unloaded.ms;
}

test("the slow calls of a process that has just started are forgotten", () => {
  expect(after([200, 1, true], [2, 300, true])).toBeLessThan(4);
});

test("what lasts becomes normal while there is time to spare", () => {
  expect(after([2, 100, true], [20, 500, true])).toBeGreaterThan(19);
});

test("an overload does not become normal, however long it lasts", () => {
  expect(after([2, 100, true], [200, 10_000, false])).toBe(2);
});

test("a process that starts into an overload learns from its quickest calls", () => {
  expect(after([200, 1, false], [300, 50, false], [5, 300, false])).toBeLessThan(10);
});

test("a window weighs as much as its calls, and is known when it has ended", () => {
  const unloaded = new UnloadedTime();
  for (const tookMs of [10, 20, 30]) unloaded.observe(tookMs);
  expect(unloaded.ms).toBe(0);
  unloaded.settle(true);
  expect(unloaded.ms).toBe(20);
  unloaded.observe(100);
  unloaded.settle(true);
  expect(unloaded.ms).toBe(40);
});
