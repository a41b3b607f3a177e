import fc from "fast-check";
import { expect, test } from "vitest";
import { drawVersion, type Share, versionOf } from "./version-split.ts";

const versions = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
const split = versions.chain((names) =>
  fc
    .tuple(...names.map(() => fc.integer({ min: 1, max: 100 })))
    .map((percents) => names.map((version, index): Share => ({ version, percent: percents[index]! }))),
);
const listeners = Array.from({ length: 4_000 }, (_, index) => `lst_${index.toString(36)}x${index * 7919}`);

test("a listener stays with one version, whatever the order of the shares", () => {
  fc.assert(
    fc.property(split, fc.string(), (shares, key) => {
      expect(versionOf(shares.toReversed(), key)).toBe(versionOf(shares, key));
    }),
  );
});

test("when the share of a version grows, listeners move only to it", () => {
  fc.assert(
    fc.property(split, fc.integer({ min: 1, max: 100 }), (shares, more) => {
      const [growing, ...others] = shares as [Share, ...Share[]];
      const grown = [{ ...growing, percent: growing.percent + more }, ...others];
      for (const key of listeners.slice(0, 200)) {
        const after = versionOf(grown, key);
        if (after !== growing.version) expect(after).toBe(versionOf(shares, key));
      }
    }),
    { numRuns: 50 },
  );
});

test("listeners are spread in proportion to the shares", () => {
  fc.assert(
    fc.property(split, (shares) => {
      const sum = shares.reduce((total, { percent }) => total + percent, 0);
      const counts = Map.groupBy(listeners, (key) => versionOf(shares, key));
      for (const { version, percent } of shares) {
        const part = (counts.get(version)?.length ?? 0) / listeners.length;
        expect(Math.abs(part - percent / sum)).toBeLessThan(0.04);
      }
    }),
    { numRuns: 30 },
  );
});

test("a version with no share gets nobody", () => {
  const shares = [
    { version: "new", percent: 0 },
    { version: "old", percent: 100 },
  ];
  expect(new Set(listeners.map((key) => versionOf(shares, key)))).toEqual(new Set(["old"]));
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
      expect(drawVersion(shares, random)).toBe("old");
    }),
  );
});

test("calls drawn one by one are spread exactly as the shares say", () => {
  fc.assert(
    fc.property(split, (shares) => {
      const sum = shares.reduce((total, { percent }) => total + percent, 0);
      const drawn = Array.from({ length: sum }, (_, slot) => drawVersion(shares, (slot + 0.5) / sum));
      for (const { version, percent } of shares) {
        expect(drawn.filter((one) => one === version)).toHaveLength(percent);
      }
    }),
  );
});

test("without shares there is no version", () => {
  expect(versionOf([], "lst_1")).toBeUndefined();
  expect(drawVersion([], 0.5)).toBeUndefined();
});
