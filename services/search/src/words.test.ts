import fc from "fast-check";
import { expect, test } from "vitest";
import { fold, queryWords, wordsOf } from "./words.ts";

test("diacritics, ligatures and case are folded away", () => {
  expect(fold("Antonín Dvořák")).toBe("antonin dvorak");
  expect(fold("Sigur Rós – Ágætis Byrjun")).toBe("sigur ros – agaetis byrjun");
  expect(fold("Łódź, Ærø, STRAẞE, ﬁn")).toBe("lodz, aero, strasse, fin");
});

test("apostrophes do not split a word", () => {
  expect(wordsOf("Don't Don’t dont")).toEqual(["dont", "dont", "dont"]);
});

test("what is neither letter nor digit separates words, the signs of FTS5 among it", () => {
  expect(wordsOf('NEAR("a" b*, 5) title:c -d ^e AND f')).toEqual([
    "near",
    "a",
    "b",
    "5",
    "title",
    "c",
    "d",
    "e",
    "and",
    "f",
  ]);
});

test("emoji and punctuation alone have no words", () => {
  expect(queryWords("🎵 !!! ***")).toEqual([]);
});

test("a query counts each word once and at most ten of them", () => {
  expect(queryWords("la la la")).toEqual(["la"]);
  expect(queryWords("a b c d e f g h i j k l")).toHaveLength(10);
});

test("words of words are the same words, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(wordsOf(wordsOf(text).join(" "))).toEqual(wordsOf(text));
    }),
  );
});
