import { until } from "@antiphon/mesh/testing";
import { AckPolicy, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { typesReadBy } from "./durable-consumer.ts";
import { type EventRig, eventRig, thingEvents } from "./event-rig.fixture.ts";
import { consume, event, on, openJetStream } from "./index.ts";

let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
  rig.outbox.start();
});
afterAll(() => rig.close());

test("a new version of a consumer takes over the durable consumer with more aggregates", async () => {
  const things = thingEvents();
  const first = consume({ ...rig.deps, group: "grows" }, [on(things.made, () => {})]);
  first.start();
  await rig.publish(things.made, "k");
  const durable = async () => (await jetstreamManager(rig.nc)).consumers.info("EVENTS", "grows");
  await until(async () => (await durable()).ack_floor.consumer_seq === 1);
  await first.stop();
  const seen: string[] = [];
  const second = consume({ ...rig.deps, group: "grows" }, [
    on(things.made, (_, { keySeq }) => void seen.push(`made ${keySeq}`)),
    on(things.other, (_, { keySeq }) => void seen.push(`other ${keySeq}`)),
  ]);
  second.start();
  await until(async () => typesReadBy((await durable()).config).length === 3);
  await rig.publish(things.made, "k");
  await rig.publish(things.other, "k");
  await until(() => seen.length === 2);
  expect(seen.sort()).toEqual(["made 2", "other 1"]);
  await second.stop();
});

test("a durable consumer with a list of filters is given one, and its aggregates' events only are handled", async () => {
  const things = thingEvents();
  const { made, painted, other } = things;
  const manager = await openJetStream(rig.nc);
  const filter_subjects = [made, painted].map((schema) => event(schema).filter);
  await manager.consumers.add("EVENTS", {
    durable_name: "listed",
    ack_policy: AckPolicy.Explicit,
    filter_subjects,
  });
  const seen: string[] = [];
  const consumer = consume({ ...rig.deps, group: "listed" }, [
    on(made, (_, { keySeq }) => void seen.push(`made ${keySeq}`)),
  ]);
  consumer.start();
  await rig.publish(other, "k");
  await rig.publish(made, "k");
  const durable = () => manager.consumers.info("EVENTS", "listed");
  await until(async () => seen.length === 1 && (await durable()).num_ack_pending === 0);
  const { config, num_pending } = await durable();
  expect([config.filter_subject, config.filter_subjects ?? [], num_pending]).toEqual([
    `evt.${event(made).type.split(".")[0]}.>`,
    [],
    0,
  ]);
  await consumer.stop();
});
