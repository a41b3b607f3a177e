import { expect, test } from "vitest";
import { Lanes } from "./lanes.ts";

function gate() {
  return Promise.withResolvers<void>();
}

test("tasks of one lane run one after the other, in order", async () => {
  const lanes = new Lanes(8);
  const first = gate();
  const log: string[] = [];
  lanes.run("a", async () => {
    await first.promise;
    log.push("first");
  });
  lanes.run("a", async () => void log.push("second"));
  lanes.run("b", async () => void log.push("other lane"));
  await new Promise(setImmediate);
  expect(log).toEqual(["other lane"]);
  first.resolve();
  await lanes.idle();
  expect(log).toEqual(["other lane", "first", "second"]);
});

test("no more lanes run at once than allowed", async () => {
  const lanes = new Lanes(2);
  let running = 0;
  let most = 0;
  for (let i = 0; i < 20; i++) {
    lanes.run(`lane ${i}`, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    });
  }
  await lanes.idle();
  expect(most).toBe(2);
});

test("room waits until few enough tasks are left", async () => {
  const lanes = new Lanes(1);
  const gates = [gate(), gate()];
  for (const { promise } of gates) lanes.run("a", () => promise);
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
  const lanes = new Lanes(1);
  let done = false;
  lanes.run("a", async () => {
    lanes.run("a", async () => {
      await new Promise(setImmediate);
      done = true;
    });
  });
  await lanes.idle();
  expect(done).toBe(true);
});
