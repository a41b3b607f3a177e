import fc from "fast-check";
import { expect, test } from "vitest";
import { resolve, shuffledBy, spliceBetween } from "./queue-order.ts";

const self = (id: string) => id;

test("behind an item that is gone means behind what stood before it, down to the front", () => {
  const gone = [
    { itemId: "b", after: "a" },
    { itemId: "a", after: undefined },
  ];
  expect(resolve({ after: "b" }, ["a", "c"], gone)).toEqual({ after: "a" });
  expect(resolve({ after: "b" }, ["c"], gone)).toBe("front");
  expect(resolve({ after: "x" }, ["c"], gone)).toBe("end");
});

test("memories that lead in a circle lead to the end", () => {
  const gone = [
    { itemId: "a", after: "b" },
    { itemId: "b", after: "a" },
  ];
  expect(resolve({ after: "a" }, ["c"], gone)).toBe("end");
});

test("a shuffle gives each pair the same order, whatever else is shuffled with it", () => {
  const some = shuffledBy("seed", ["a", "b", "c", "d"], self);
  const more = shuffledBy("seed", ["x", "d", "c", "b", "a", "y"], self);
  expect(more.filter((id) => some.includes(id))).toEqual(some);
});

test("a splice makes the new list of the old one, and is absent where they are equal", () => {
  const list = fc.uniqueArray(fc.constantFrom(..."abcdefghij"));
  fc.assert(
    fc.property(list, list, (before, after) => {
      const splice = spliceBetween(before, after, self);
      if (!splice) expect(after).toEqual(before);
      else expect(before.toSpliced(splice.index, splice.removed, ...splice.inserted)).toEqual(after);
    }),
  );
});

test("a splice holds no more than what changed", () => {
  expect(spliceBetween(["a", "b", "c", "d"], ["a", "x", "c", "d"], self)).toEqual({
    index: 1,
    removed: 1,
    inserted: ["x"],
  });
  expect(spliceBetween(["a", "b"], ["a", "b"], self)).toBeUndefined();
});
