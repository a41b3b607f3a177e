import { describe, expect, it } from "vitest";
import { ThroughputEstimator } from "./throughput.ts";

function after(samples: readonly (readonly [bytes: number, ms: number])[]): number {
  const estimator = new ThroughputEstimator(1_000);
  for (const [bytes, ms] of samples) estimator.sample(bytes, ms);
  return estimator.kbps;
}

describe("the throughput estimate", () => {
  it("is the first guess until there is a sample", () => {
    expect(after([])).toBe(1_000);
  });

  it("is bits over seconds", () => {
    expect(after([[50_000, 400]])).toBeCloseTo(1_000);
  });

  it("leaves out answers too small to tell", () => {
    expect(after([[700, 1]])).toBe(1_000);
  });

  it("believes a drop within a few segments", () => {
    const fast = Array.from({ length: 30 }, () => [64_000, 10] as const);
    const slow = Array.from({ length: 4 }, () => [64_000, 2_560] as const);
    expect(after([...fast, ...slow])).toBeLessThan(220);
  });

  it("believes a rise only when it lasts", () => {
    const slow = Array.from({ length: 6 }, () => [25_000, 1_000] as const);
    const once = after([...slow, [25_000, 50]]);
    const often = after([...slow, ...Array.from({ length: 80 }, () => [25_000, 50] as const)]);
    expect(once).toBeLessThan(300);
    expect(often).toBeGreaterThan(1_500);
  });

  it("is capped, so that the browser's cache does not pass for a fast link", () => {
    expect(after([[1_000_000, 0]])).toBeCloseTo(6_000);
  });
});
