import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Breaker } from "./breaker.ts";

const breakers: Breaker[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.close();
  vi.useRealTimers();
});

function breakerOf(options?: ConstructorParameters<typeof Breaker>[0]): Breaker {
  const breaker = new Breaker({ resetTimeoutMs: 1_000, ...options }, () => 0.5);
  breakers.push(breaker);
  return breaker;
}

/** opossum learns of outcomes in microtasks. */
async function end(breaker: Breaker, ...verdicts: Parameters<Breaker["end"]>[0][]): Promise<void> {
  for (const verdict of verdicts) breaker.end(verdict, breaker.begin());
  await vi.advanceTimersByTimeAsync(0);
}

test("one failure does not open it", async () => {
  const breaker = breakerOf();
  await end(breaker, "failure");
  expect(breaker).toMatchObject({ state: "closed", admits: true });
});

test("five failures in a row open it", async () => {
  const breaker = breakerOf();
  await end(breaker, "failure", "failure", "failure", "failure");
  expect(breaker.state).toBe("closed");
  await end(breaker, "failure");
  expect(breaker).toMatchObject({ state: "open", admits: false });
});

test("more than half of enough attempts failing opens it", async () => {
  const breaker = breakerOf({ consecutiveFailures: 100 });
  await end(breaker, "success", "success", "success", "success");
  await end(breaker, "failure", "failure", "failure", "failure", "failure");
  expect(breaker.state).toBe("closed");
  await end(breaker, "failure");
  expect(breaker.state).toBe("open");
});

test("failures of ten seconds ago are forgotten", async () => {
  const breaker = breakerOf({ consecutiveFailures: 100 });
  await end(breaker, ...Array<"failure">(9).fill("failure"));
  await vi.advanceTimersByTimeAsync(11_000);
  await end(breaker, "failure");
  expect(breaker.state).toBe("closed");
});

test("after its time one probe is let through, and its success closes it", async () => {
  const breaker = breakerOf();
  await end(breaker, ...Array<"failure">(5).fill("failure"));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(breaker).toMatchObject({ state: "half_open", admits: true });
  const isProbe = breaker.begin();
  expect(isProbe).toBe(true);
  expect(breaker.admits).toBe(false);
  breaker.end("success", isProbe);
  await vi.advanceTimersByTimeAsync(0);
  expect(breaker).toMatchObject({ state: "closed", admits: true });
});

test.each(["failure", "neutral"] as const)(
  "a probe that ends in %s keeps it open for another period",
  async (verdict) => {
    const breaker = breakerOf();
    await end(breaker, ...Array<"failure">(5).fill("failure"));
    await vi.advanceTimersByTimeAsync(1_000);
    await end(breaker, verdict);
    expect(breaker.state).toBe("open");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(breaker.admits).toBe(true);
  },
);

test("an attempt from before it opened cannot close it", async () => {
  const breaker = breakerOf();
  const old = breaker.begin();
  await end(breaker, ...Array<"failure">(5).fill("failure"));
  await vi.advanceTimersByTimeAsync(1_000);
  breaker.end("success", old);
  await vi.advanceTimersByTimeAsync(0);
  expect(breaker.state).toBe("half_open");
});

test("cancelled attempts count for nothing", async () => {
  const breaker = breakerOf();
  await end(breaker, ...Array<"neutral">(50).fill("neutral"));
  expect(breaker.state).toBe("closed");
});

test("breakers come back spread over time", async () => {
  const [early, late] = [0, 0.999].map((random) => new Breaker({ resetTimeoutMs: 1_000 }, () => random));
  breakers.push(early!, late!);
  early!.trip();
  late!.trip();
  await vi.advanceTimersByTimeAsync(900);
  expect([early!.admits, late!.admits]).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(300);
  expect(late!.admits).toBe(true);
});

test("a thousand breakers share one timer, and none is left when they close", () => {
  const before = vi.getTimerCount();
  const many = Array.from({ length: 1_000 }, () => new Breaker());
  expect(vi.getTimerCount()).toBe(before + 1);
  for (const breaker of many) breaker.close();
  expect(vi.getTimerCount()).toBe(before);
});
