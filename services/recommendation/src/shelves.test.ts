import { expect, test } from "vitest";
import { fill, type HomeMaterial, planHome, SHELF_LENGTH } from "./shelves.ts";
import type { Positive } from "./signal.ts";

const heard = (trackId: string): Positive => ({ trackId, kind: "heard" });
const material = (some: Partial<HomeMaterial>): HomeMaterial => ({
  positives: [],
  skippedIds: [],
  forYou: [],
  because: new Map(),
  popular: [],
  newest: [],
  ...some,
});

test("a shelf takes earlier rankings first, each track once, none that is excluded", () => {
  expect(fill(4, new Set(["x"]), ["a", "x", "b"], ["b", "c"], ["d", "e"])).toEqual(["a", "b", "c", "d"]);
  expect(fill(0, new Set(), ["a"])).toEqual([]);
});

test("who has done nothing yet sees what is popular and what is new", () => {
  const shelves = planHome(material({ popular: ["p"], newest: ["n"] }));
  expect(shelves).toEqual([
    { kind: "popular", trackIds: ["p"] },
    { kind: "new", trackIds: ["n"] },
  ]);
});

test("before anybody has played anything the new tracks are there", () => {
  expect(planHome(material({ newest: ["n"] }))).toEqual([{ kind: "new", trackIds: ["n"] }]);
  expect(planHome(material({}))).toEqual([]);
});

test("one liked track brings a shelf because of it and one for the listener, also without neighbours", () => {
  const shelves = planHome(material({ positives: [heard("s")], newest: ["s", "n"] }));
  expect(shelves).toEqual([
    { kind: "for-you", trackIds: ["n"] },
    { kind: "because", seed: heard("s"), trackIds: ["n"] },
    { kind: "new", trackIds: ["s", "n"] },
  ]);
});

test("what was skipped or just heard is not chosen for the listener", () => {
  const [forYou] = planHome(
    material({ positives: [heard("s")], skippedIds: ["k"], forYou: ["k", "s", "a"], newest: ["b"] }),
  );
  expect(forYou).toEqual({ kind: "for-you", trackIds: ["a", "b"] });
});

test("the two latest likes get a shelf each", () => {
  const because = new Map([
    ["a", ["x"]],
    ["b", ["y"]],
    ["c", ["z"]],
  ]);
  const shelves = planHome(material({ positives: ["a", "b", "c"].map(heard), because }));
  expect(shelves.filter(({ kind }) => kind === "because")).toEqual([
    { kind: "because", seed: heard("a"), trackIds: ["x"] },
    { kind: "because", seed: heard("b"), trackIds: ["y"] },
  ]);
});

test("who knows the whole library gets back what they liked longest ago", () => {
  const [forYou] = planHome(material({ positives: [heard("late"), heard("early")], newest: ["late", "early"] }));
  expect(forYou).toEqual({ kind: "for-you", trackIds: ["early", "late"] });
});

test("no shelf is longer than the limit", () => {
  const many = Array.from({ length: 100 }, (_, n) => `t${n}`);
  for (const { trackIds } of planHome(material({ positives: [heard("s")], popular: many, newest: many })))
    expect(trackIds).toHaveLength(SHELF_LENGTH);
});
