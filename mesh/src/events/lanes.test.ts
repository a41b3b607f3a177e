import { expect, test } from "vitest";
import { Lanes } from "./lanes.ts";

type Task = () => Promise<void>;

function gate() {
  return Promise.withResolvers<void>();
}

/** Lanes of tasks that run themselves. */
function running(concurrency: number, batch = 1): Lanes<Task> {
  return new Lanes({ concurrency, batch, order: () => 0 }, async (tasks) => {
    for (const task of tasks) await task();
  });
}

test("items of one lane are handled one after the other, in order", async () => {
  const lanes = running(8);
  const first = gate();
  const log: string[] = [];
  lanes.add("a", async () => {
    await first.promise;
    log.push("first");
  });
  lanes.add("a", async () => void log.push("second"));
  lanes.add("b", async () => void log.push("other lane"));
  await new Promise(setImmediate);
  expect(log).toEqual(["other lane"]);
  first.resolve();
  await lanes.idle();
  expect(log).toEqual(["other lane", "first", "second"]);
});

test("no more is handled at once than allowed", async () => {
  const lanes = running(2);
  let now = 0;
  let most = 0;
  for (let i = 0; i < 20; i++) {
    lanes.add(`lane ${i}`, async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
    });
  }
  await lanes.idle();
  expect(most).toBe(2);
});

test("a batch takes what is ready, one item of a lane at most, the first by its order", async () => {
  const batches: string[][] = [];
  const order = (a: string, b: string) => a.localeCompare(b);
  const lanes = new Lanes<string>({ concurrency: 1, batch: 3, order }, async (items) => {
    batches.push([...items]);
    await new Promise(setImmediate);
  });
  for (const item of ["a1", "a3", "b1", "c1", "d1", "a2", "b2"]) lanes.add(item.charAt(0), item);
  await lanes.idle();
  expect(batches).toEqual([["a1", "b1", "c1"], ["d1", "a2", "b2"], ["a3"]]);
});

test("room waits until few enough items are left", async () => {
  const lanes = running(1);
  const gates = [gate(), gate()];
  for (const { promise } of gates) lanes.add("a", () => promise);
  let roomy = false;
  const room = lanes.room(2).then(() => {
    roomy = true;
  });
  await new Promise(setImmediate);
  expect(roomy).toBe(false);
  gates[0]?.resolve();
  await room;
  gates[1]?.resolve();
  await lanes.idle();
});

test("idle waits for what is added meanwhile", async () => {
  const lanes = running(1);
  let done = false;
  lanes.add("a", async () => {
    lanes.add("a", async () => {
      await new Promise(setImmediate);
      done = true;
    });
  });
  await lanes.idle();
  expect(done).toBe(true);
});
