import { expect, test } from "vitest";
import { checkOrder, type Sighting } from "./findings.ts";

const sightings = (...numbers: number[]): Sighting[] =>
  numbers.map((n) => ({ eventId: String(n), aggregate: "a.b", key: "a key", keySeq: BigInt(n) }));
const found = (numbers: number[], repeats: "allowed" | "forbidden" = "forbidden") =>
  checkOrder("here", sightings(...numbers), repeats).map(
    ({ what, key, detail }) => `${what} ${key}: ${detail}`,
  );

test("numbers that rise by one, from wherever they begin, are well", () => {
  expect(found([1, 2, 3])).toEqual([]);
  expect(found([41, 42])).toEqual([]);
});

test("holes are lost events", () => {
  expect(found([1, 3, 7])).toEqual([
    "lost a key: event 2 is missing",
    "lost a key: events 4 to 6 are missing",
  ]);
});

test("an event that comes after a later one is out of order, not lost", () => {
  expect(found([1, 3, 2, 4])).toEqual(["out of order a key: event 2 comes after 3"]);
});

test("the stream may repeat an event, an effect may not", () => {
  expect(found([1, 2, 1, 3], "allowed")).toEqual([]);
  expect(found([1, 2, 1, 3])).toEqual(["doubled a key: event 1 is there more than once"]);
});
