import { expect, test } from "vitest";
import { Vocabulary } from "./vocabulary.ts";

test("whole words come before beginnings, then the most used first", () => {
  const vocabulary = new Vocabulary();
  vocabulary.add(["moonlight", "moons", "noon", "moan", "moan", "sun"]);
  expect(vocabulary.typosOf("mon", 10)).toEqual([]);
  expect(vocabulary.typosOf("moon", 10)).toEqual(["moan", "noon"]);
  expect(vocabulary.typosOf("mpon", 10)).toEqual(["moonlight", "moons"]);
  expect(vocabulary.typosOf("moon", 1)).toEqual(["moan"]);
});

test("a word is forgotten when its last use is", () => {
  const vocabulary = new Vocabulary();
  vocabulary.add(["moan", "moan"]);
  vocabulary.remove(["moan"]);
  expect(vocabulary.typosOf("moon", 10)).toEqual(["moan"]);
  vocabulary.remove(["moan"]);
  expect(vocabulary.typosOf("moon", 10)).toEqual([]);
});
