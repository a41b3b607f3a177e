import { expect, test } from "vitest";
import { newId, stableId } from "./ids.ts";

test("a new id is its prefix and 20 characters, never the same", () => {
  const ids = Array.from({ length: 1_000 }, () => newId("trk"));
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) expect(id).toMatch(/^trk_[0-9a-z]{20}$/);
});

test("every character of the alphabet comes up", () => {
  const seen = new Set(Array.from({ length: 200 }, () => newId("x").slice(2)).join(""));
  expect(seen.size).toBe(36);
});

test("a stable id depends on its parts and on where one ends", () => {
  expect(stableId("trk", "a", "b")).toBe(stableId("trk", "a", "b"));
  expect(stableId("trk", "a", "b")).toMatch(/^trk_[0-9a-z]{20}$/);
  expect(stableId("trk", "ab")).not.toBe(stableId("trk", "a", "b"));
});
