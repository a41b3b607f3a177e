import { EventEmitter } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { Breaker, type BreakerOptions } from "./breaker.ts";

const breakers: Breaker[] = [];

afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.close();
});

function breakerOf(options: Partial<BreakerOptions> = {}) {
  const rotation = new EventEmitter();
  const onOpen = vi.fn();
  const breaker = new Breaker({ failureRatio: 0.5, minAttempts: 10, ...options }, rotation, onOpen);
  breakers.push(breaker);
  /** opossum learns of outcomes in microtasks. */
  const hear = async (outcomes: string) => {
    for (const outcome of outcomes) outcome === "x" ? breaker.failed() : breaker.succeeded();
    await new Promise(setImmediate);
  };
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second++) rotation.emit("rotate");
  };
  return { breaker, onOpen, hear, pass, rotation };
}

test("more than half of enough attempts failing opens it, once", async () => {
  const { onOpen, hear } = breakerOf();
  await hear("....xxxxx");
  expect(onOpen).not.toHaveBeenCalled();
  await hear("xxxxx");
  expect(onOpen).toHaveBeenCalledOnce();
});

test("few failures do not open it", async () => {
  const { onOpen, hear } = breakerOf();
  await hear("xxxxxxxxx");
  expect(onOpen).not.toHaveBeenCalled();
});

test("failures of ten seconds ago are forgotten", async () => {
  const { onOpen, hear, pass } = breakerOf();
  await hear("xxxxxxxxx");
  pass(11);
  await hear("x");
  expect(onOpen).not.toHaveBeenCalled();
});

test("what it hears after it opened or closed changes nothing", async () => {
  const { breaker, onOpen, hear, rotation } = breakerOf({ minAttempts: 1 });
  await hear("x");
  await hear("x.x");
  expect(onOpen).toHaveBeenCalledOnce();
  breaker.close();
  await hear("xxx");
  expect(onOpen).toHaveBeenCalledOnce();
  expect(rotation.listenerCount("rotate")).toBe(0);
});
