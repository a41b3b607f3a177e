import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

test("a delay lies between half and the whole of a bound that grows up to its limit", () => {
  const bounds = [0, 1, 2, 20].map((tries) =>
    Math.round(backoffMs(tries, { baseMs: 100, maxMs: 5_000, random: () => 1 })),
  );
  expect(bounds).toEqual([100, 160, 256, 5_000]);
  fc.assert(
    fc.property(fc.nat(1_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (tries, value) => {
      const delayMs = backoffMs(tries, { baseMs: 100, maxMs: 5_000, random: () => value });
      const bound = Math.min(5_000, 100 * 1.6 ** tries);
      expect(delayMs).toBeGreaterThanOrEqual(bound / 2);
      expect(delayMs).toBeLessThanOrEqual(bound);
    }),
  );
});
