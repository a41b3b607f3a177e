import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LoopLag } from "./caller-lag.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function lagOf() {
  let nowMs = 0;
  const lag = new LoopLag(() => nowMs);
  return {
    at: () => lag.stalledMs(nowMs),
    /** The loop turns as it should. */
    async runs(ms: number) {
      for (let passed = 0; passed < ms; passed += 20) {
        nowMs += 20;
        await vi.advanceTimersByTimeAsync(20);
      }
    },
    /** Nothing runs meanwhile. */
    stalls(ms: number) {
      nowMs += ms;
    },
  };
}

test("a loop that turns has no lag", async () => {
  const lag = lagOf();
  expect(lag.at()).toBe(0);
  await lag.runs(500);
  expect(lag.at()).toBe(0);
});

test("a stall is known to whoever asks first after it, before any timer has run", async () => {
  const lag = lagOf();
  lag.at();
  await lag.runs(100);
  lag.stalls(2_000);
  expect(lag.at()).toBeGreaterThan(1_970);
  await lag.runs(100);
  const settled = lag.at();
  expect(settled).toBeGreaterThan(1_970);
  expect(settled).toBeLessThanOrEqual(2_020);
  await lag.runs(100);
  expect(lag.at()).toBe(settled);
});

test("it sleeps when nobody asks, and what passes meanwhile is no lag", async () => {
  const lag = lagOf();
  lag.at();
  await lag.runs(1_200);
  expect(vi.getTimerCount()).toBe(0);
  lag.stalls(60_000);
  expect(lag.at()).toBe(0);
});
