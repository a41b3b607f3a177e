import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Closeness, closeness } from "./typo.ts";

test.each([
  ["dvorak", "dvorak", Closeness.exact],
  ["dvo", "dvorak", Closeness.prefix],
  ["dvprak", "dvorak", Closeness.typo],
  ["dvrak", "dvorak", Closeness.typo],
  ["dvoorak", "dvorak", Closeness.typo],
  ["dovrak", "dvorak", Closeness.typo],
  ["fvorak", "dvorak", Closeness.typo],
  ["dvorakk", "dvorak", Closeness.typo],
  ["simph", "symphony", Closeness.typoInPrefix],
  ["ymphon", "symphony", Closeness.typoInPrefix],
  ["bach", "bachs", Closeness.prefix],
] as const)("%s is close to %s", (typed, word, expected) => {
  expect(closeness(typed, word)).toBe(expected);
});

test.each([
  ["dvprxk", "dvorak"],
  ["dog", "fog"],
  ["a", "b"],
  ["mozart", "bach"],
  ["dvorakii", "dvorak"],
])("%s is not close to %s", (typed, word) => {
  expect(closeness(typed, word)).toBeUndefined();
});

describe("against the textbook distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 4, maxLength: 7 });

  test("a whole word is a typo exactly when its distance is one", () => {
    fc.assert(
      fc.property(word, word, (typed, candidate) => {
        const found = closeness(typed, candidate);
        if (found === Closeness.typo) expect(distance(typed, candidate)).toBe(1);
        if (found === undefined || found === Closeness.typoInPrefix)
          expect(distance(typed, candidate)).toBeGreaterThan(1);
      }),
      { numRuns: 2000 },
    );
  });

  test("a beginning is a typo exactly when some beginning has distance one", () => {
    fc.assert(
      fc.property(word, word, (typed, candidate) => {
        const beginnings = Array.from({ length: candidate.length + 1 }, (_, n) => candidate.slice(0, n));
        const close = beginnings.some((beginning) => distance(typed, beginning) <= 1);
        expect(closeness(typed, candidate) !== undefined).toBe(close);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Optimal string alignment, as the textbook has it. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
}
