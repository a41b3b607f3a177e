import { expect, test } from "vitest";
import { KeyPositions } from "./key-positions.ts";

test("events that the export already held are known", () => {
  const positions = new KeyPositions();
  positions.set("catalog.track", "t1", 7n);
  expect(positions.standing("catalog.track", "t1", 6n)).toBe("known");
  expect(positions.standing("catalog.track", "t1", 7n)).toBe("known");
  expect(positions.standing("catalog.track", "t1", 8n)).toBe("next");
});

test("a hole in a key that was loaded is a gap", () => {
  const positions = new KeyPositions();
  positions.set("catalog.track", "t1", 7n);
  expect(positions.standing("catalog.track", "t1", 9n)).toBe("gap");
});

test("a key that was not loaded may begin anywhere", () => {
  expect(new KeyPositions().standing("catalog.track", "t1", 57n)).toBe("next");
});

test("the same key in another aggregate counts apart", () => {
  const positions = new KeyPositions();
  positions.set("catalog.track", "k", 3n);
  expect(positions.standing("playlist.likes", "k", 1n)).toBe("next");
});
