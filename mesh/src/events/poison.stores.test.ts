import { until } from "@antiphon/mesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { colorOf, type EventRig, eventRig, thingEvents } from "./event-rig.fixture.ts";
import { consume, event, on } from "./index.ts";

let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
  rig.outbox.start();
});
afterAll(() => rig.close());

const OTHERS = Array.from({ length: 20 }, (_, i) => `well ${i}`);

test("other keys go on in every attempt at a poison event and once it is parked; its replay keeps the order", async () => {
  const { made } = thingEvents();
  const handled: string[] = [];
  let attempts = 0;
  let mended = false;
  let othersWent = Promise.withResolvers<void>();
  const consumer = consume({ ...rig.deps, group: "poison-others", retryMs: 1 }, [
    on(made, async (message, { key, keySeq }) => {
      if (colorOf(made, message) === "poison" && !mended) {
        attempts += 1;
        await othersWent.promise;
        throw new Error("cannot be handled");
      }
      handled.push(`${key} ${keySeq}`);
    }),
  ]);
  consumer.start();
  for (const color of ["", "poison", "", ""]) await rig.publish(made, "sick", color);

  const publishOthers = async (round: number) => {
    const due = round * OTHERS.length + 1;
    await Promise.all(OTHERS.map((key) => rig.publish(made, key)));
    await until(() => handled.length >= due, { what: `${due} events handled beside the poison` });
  };
  for (let attempt = 1; attempt <= 5; attempt++) {
    await until(() => attempts === attempt, { what: `attempt ${attempt}` });
    // The attempt ends only when all the others are handled: nobody waits for it.
    await publishOthers(attempt);
    const failed = othersWent;
    othersWent = Promise.withResolvers();
    failed.resolve();
  }
  const parked = () => rig.pool.query("SELECT FROM inbox_parked WHERE consumer = 'poison-others'");
  await until(async () => (await parked()).rowCount === 3);
  await publishOthers(6);
  expect(handled.filter((each) => each.startsWith("sick"))).toEqual(["sick 1"]);
  const once = OTHERS.flatMap((key) => Array.from({ length: 6 }, (_, i) => `${key} ${i + 1}`));
  expect(handled.filter((each) => each.startsWith("well")).sort()).toEqual(once.sort());

  mended = true;
  expect(await consumer.release(event(made).aggregate, "sick")).toBe(3);
  await rig.publish(made, "sick");
  await until(() => handled.includes("sick 5"));
  expect(handled.filter((each) => each.startsWith("sick"))).toEqual(
    [1, 2, 3, 4, 5].map((keySeq) => `sick ${keySeq}`),
  );
  expect(attempts).toBe(5);
  await consumer.stop();
}, 60_000);
