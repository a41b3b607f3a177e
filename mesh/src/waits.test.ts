import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Waits } from "./waits.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("each wait is over at its time, but for those that were called off", () => {
  const over: string[] = [];
  const waits = new Waits<string>(500, (waiting) => over.push(waiting));
  waits.begin("first");
  vi.advanceTimersByTime(200);
  const between = waits.begin("called off");
  waits.begin("second");
  waits.callOff(between);
  vi.advanceTimersByTime(299);
  expect(over).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(over).toEqual(["first"]);
  vi.advanceTimersByTime(200);
  expect(over).toEqual(["first", "second"]);
  waits.begin("third");
  vi.advanceTimersByTime(500);
  expect(over).toEqual(["first", "second", "third"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("whichever are called off, and however often, the others are heard of in their order", () => {
  const over: number[] = [];
  const waits = new Waits<number>(500, (waiting) => over.push(waiting));
  const all = Array.from({ length: 6 }, (_, index) => waits.begin(index));
  for (const index of [0, 5, 2, 2, 0]) waits.callOff(all[index]!);
  vi.advanceTimersByTime(500);
  expect(over).toEqual([1, 3, 4]);
  for (const wait of all) waits.callOff(wait);
  waits.begin(6);
  vi.advanceTimersByTime(500);
  expect(over).toEqual([1, 3, 4, 6]);
});

test("the process may end when nobody waits, and only then", () => {
  vi.useRealTimers();
  const waits = new Waits<string>(60_000, () => {});
  const keptAlive = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const others = keptAlive();
  const first = waits.begin("first");
  const second = waits.begin("second");
  expect(keptAlive()).toBe(others + 1);
  waits.callOff(first);
  expect(keptAlive()).toBe(others + 1);
  waits.callOff(second);
  expect(keptAlive()).toBe(others);
  const third = waits.begin("third");
  expect(keptAlive()).toBe(others + 1);
  waits.callOff(third);
});
