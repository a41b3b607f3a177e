import { expect, test } from "vitest";
import { PeerLoad } from "./peer-load.ts";

test("a server at its limit counts as twice as far away, one that said nothing as it is", () => {
  const load = new PeerLoad();
  expect(load.factor(0)).toBe(1);
  load.heard(1, 0);
  expect(load.factor(0)).toBe(2);
});

test("what it said fades", () => {
  const load = new PeerLoad();
  load.heard(0.8, 1_000);
  expect(load.at(2_000)).toBeCloseTo(0.4);
  expect(load.at(60_000)).toBe(0);
});

test("a server that is nearly full is no place for what others refused", () => {
  const load = new PeerLoad();
  expect(load.willing(0)).toBe(true);
  load.heard(0.95, 0);
  expect([load.willing(0), load.willing(500)]).toEqual([false, true]);
  load.heard(0.5, 500);
  expect(load.willing(500)).toBe(true);
});

test("a server that refused is spared for as long as it asked, a second at most", () => {
  const load = new PeerLoad();
  load.refused(100, 0);
  expect([load.rests(99), load.rests(100)]).toEqual([true, false]);
  expect(load.factor(50)).toBeGreaterThan(10 * load.factor(100));
  load.refused(3_600_000, 0);
  expect(load.rests(1_000)).toBe(false);
  load.refused(Number.NaN, 2_000);
  expect(load.rests(2_000)).toBe(false);
});
