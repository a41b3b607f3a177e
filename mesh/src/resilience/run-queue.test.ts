import fc from "fast-check";
import { expect, test } from "vitest";
import { RunQueue } from "./run-queue.ts";

/** A loop whose turns end when they are told to; calls take what they are told to. */
function rig() {
  let nowMs = 0;
  const ends: ((nowMs: number) => void)[] = [];
  const queue = new RunQueue({ nowMs: () => nowMs, afterTurn: (end) => void ends.push(end) });
  const begun: string[] = [];
  return {
    queue,
    begun,
    call(name: string, tookMs: number) {
      queue.start(nowMs, () => {
        begun.push(name);
        nowMs += tookMs;
      });
    },
    /** Other work of this turn. */
    work(ms: number) {
      nowMs += ms;
    },
    endTurn() {
      for (const end of ends.splice(0)) end(nowMs);
    },
    hasTurns: () => ends.length > 0,
    standingMs: () => queue.standingMs(nowMs),
  };
}

test("calls that cost next to nothing begin at once", () => {
  const { call, begun, queue } = rig();
  for (const name of ["a", "b", "c"]) call(name, 0.1);
  expect(begun).toEqual(["a", "b", "c"]);
  expect(queue.depth).toBe(0);
});

test("after one that computes, the others wait for a turn each, in their order", () => {
  const { call, begun, endTurn, queue } = rig();
  for (const name of ["a", "b", "c"]) call(name, 30);
  expect([...begun]).toEqual(["a"]);
  endTurn();
  expect([...begun]).toEqual(["a", "b"]);
  call("d", 0.1);
  expect(begun).not.toContain("d");
  endTurn();
  endTurn();
  expect(begun).toEqual(["a", "b", "c", "d"]);
  expect(queue.depth).toBe(0);
});

test("a turn lets as many begin as take 2 ms together, and as long as others blocked the loop meanwhile", () => {
  const { call, begun, endTurn, work } = rig();
  call("first", 30);
  for (let index = 0; index < 100; index++) call(String(index), 0.5);
  endTurn();
  expect(begun).toHaveLength(1 + 4);
  work(20);
  endTurn();
  expect(begun).toHaveLength(1 + 4 + 40);
});

test("the queue stands from when somebody waits until nobody does", () => {
  const { call, endTurn, standingMs } = rig();
  for (const name of ["a", "b", "c"]) call(name, 100);
  expect(standingMs()).toBe(0);
  endTurn();
  expect(standingMs()).toBe(100);
  endTurn();
  expect(standingMs()).toBe(0);
});

test("for any load: each call begins once, in the order of arrival, while turns go on", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("call" as const), ms: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant("work" as const), ms: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ kind: fc.constant("turn" as const), ms: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { call, work, endTurn, hasTurns, begun, queue } = rig();
      const arrived: string[] = [];
      for (const { kind, ms } of steps) {
        if (kind === "turn") endTurn();
        else if (kind === "work") work(ms);
        else {
          arrived.push(String(arrived.length));
          call(arrived.at(-1)!, ms);
        }
        expect(begun.length + queue.depth).toBe(arrived.length);
      }
      while (hasTurns()) endTurn();
      expect(begun).toEqual(arrived);
    }),
  );
});
