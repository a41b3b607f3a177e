import { expect, test } from "vitest";
import { fill, type HomeMaterial, planHome, SHELF_LENGTH } from "./shelves.ts";
import type { Positive } from "./signal.ts";

const heard = (trackId: string): Positive => ({ trackId, kind: "heard" });
const material = (some: Partial<HomeMaterial>): HomeMaterial => ({
  positives: [],
  skippedIds: [],
  forYou: [],
  because: [],
  popular: [],
  newest: [],
  untried: [],
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
  const because = [{ seed: heard("s"), matches: [] }];
  const some = { positives: [heard("s")], because, newest: ["s", "n"], untried: ["n"] };
  const shelves = planHome(material(some));
  expect(shelves).toEqual([
    { kind: "for-you", trackIds: ["n"] },
    { kind: "because", seed: heard("s"), trackIds: ["n"] },
    { kind: "new", trackIds: ["s", "n"] },
  ]);
});

test("what was skipped or just heard is not chosen for the listener", () => {
  const [forYou] = planHome(
    material({ positives: [heard("s")], skippedIds: ["k"], forYou: ["k", "s", "a"], untried: ["b"] }),
  );
  expect(forYou).toEqual({ kind: "for-you", trackIds: ["a", "b"] });
});

test("each of the latest likes has a shelf of what goes with it, without what was skipped", () => {
  const because = [
    { seed: heard("a"), matches: ["x", "a", "k"] },
    { seed: heard("b"), matches: ["y"] },
  ];
  const shelves = planHome(material({ positives: [heard("a"), heard("b")], skippedIds: ["k"], because }));
  expect(shelves.filter(({ kind }) => kind === "because")).toEqual([
    { kind: "because", seed: heard("a"), trackIds: ["x"] },
    { kind: "because", seed: heard("b"), trackIds: ["y"] },
  ]);
});

test("who knows the whole library gets back what they liked longest ago", () => {
  const [forYou] = planHome(
    material({ positives: [heard("late"), heard("early")], newest: ["late", "early"] }),
  );
  expect(forYou).toEqual({ kind: "for-you", trackIds: ["early", "late"] });
});

test("no shelf is longer than the limit", () => {
  const many = Array.from({ length: 100 }, (_, n) => `t${n}`);
  const because = [{ seed: heard("s"), matches: many }];
  const some = { positives: [heard("s")], because, popular: many, newest: many, untried: many };
  for (const { trackIds } of planHome(material(some))) expect(trackIds).toHaveLength(SHELF_LENGTH);
});
