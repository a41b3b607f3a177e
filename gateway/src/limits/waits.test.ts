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
  waits.begin("called off");
  waits.begin("second");
  waits.callOff("called off");
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
