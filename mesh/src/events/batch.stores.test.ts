import { until } from "@antiphon/mesh/testing";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { envelopeOf, fromHeaders } from "./envelope.ts";
import {
  colorOf,
  type EventRig,
  eventRig,
  type ThingEvents,
  thing,
  thingEvents,
} from "./event-rig.fixture.ts";
import { consume, event, on, onBatch, upcast } from "./index.ts";

let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
  await rig.pool.query(
    "CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, key_seq bigint)",
  );
  rig.outbox.start();
});
afterAll(() => rig.close());

type Batch = readonly { readonly key: string; readonly keySeq: bigint; readonly what: string }[];

/** A consumer that writes each batch down with one statement. */
function record(group: string, { made }: ThingEvents, before: (batch: Batch) => void = () => {}) {
  const consumer = consume({ ...rig.deps, group, batch: 100, concurrency: 2, retryMs: 1, ackWaitMs: 2_000 }, [
    onBatch(made, async (events, { tx }) => {
      before(events.map(({ key, keySeq, message }) => ({ key, keySeq, what: colorOf(made, message) })));
      await tx.query(
        "INSERT INTO effect (consumer, key, key_seq) SELECT $1, * FROM unnest($2::text[], $3::bigint[])",
        [group, events.map(({ key }) => key), events.map(({ keySeq }) => String(keySeq))],
      );
    }),
  ]);
  return consumer;
}

async function effects(group: string): Promise<string[]> {
  const { rows } = await rig.pool.query<{ key: string; key_seq: string }>(
    "SELECT key, key_seq FROM effect WHERE consumer = $1 ORDER BY n",
    [group],
  );
  return rows.map(({ key, key_seq }) => `${key} ${key_seq}`);
}

/** Publishes in one transaction per event, many at once. */
async function publishMany({ made }: ThingEvents, keys: number, each: number): Promise<void> {
  const all = Array.from({ length: keys }, async (_, k) => {
    for (let i = 0; i < each; i++) await rig.publish(made, `k${k}`);
  });
  await Promise.all(all);
}

test("many keys share a transaction, one event of a key in each, exactly once and in order", async () => {
  const things = thingEvents();
  const sizes: number[] = [];
  await publishMany(things, 150, 6);
  const replicas = ["a", "b"].map(() =>
    record("batches", things, (batch) => {
      sizes.push(batch.length);
      expect(new Set(batch.map(({ key }) => key)).size).toBe(batch.length);
    }),
  );
  for (const replica of replicas) replica.start();
  await until(async () => (await effects("batches")).length >= 900, {
    timeoutMs: 30_000,
    what: "900 effects",
  });
  await Promise.all(replicas.map((replica) => replica.stop()));
  const seen = new Map<string, number>();
  for (const effect of await effects("batches")) {
    const [key = "", seq] = effect.split(" ");
    expect(Number(seq)).toBe((seen.get(key) ?? 0) + 1);
    seen.set(key, Number(seq));
  }
  expect([seen.size, new Set(seen.values())]).toEqual([150, new Set([6])]);
  expect(Math.max(...sizes)).toBeGreaterThan(20);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
}, 60_000);

test("a batch keeps apart what may stand in a key, and the keys of two aggregates", async () => {
  const { made, other } = thingEvents();
  const keys = ["plain", 'a "quoted" one', "back\\slash", "{a,b}", "NULL", "ключ 🎵"];
  const seen: string[] = [];
  const into = (schema: typeof made) =>
    onBatch(
      schema,
      (events) => void seen.push(...events.map(({ key }) => `${event(schema).aggregate} ${key}`)),
    );
  for (const key of keys) for (const schema of [made, other]) await rig.publish(schema, key);
  const consumer = consume({ ...rig.deps, group: "odd-keys", batch: 100 }, [into(made), into(other)]);
  consumer.start();
  await until(() => seen.length === 2 * keys.length);
  expect(seen.sort()).toEqual(
    [made, other].flatMap((schema) => keys.map((key) => `${event(schema).aggregate} ${key}`)).sort(),
  );
  const { rows } = await rig.pool.query(
    "SELECT DISTINCT key FROM inbox_position WHERE consumer = 'odd-keys'",
  );
  expect(rows.map(({ key }) => key).sort()).toEqual(keys.sort());
  await consumer.stop();
});

test("an event that fails parks its own key only; the others of its batch are applied once", async () => {
  const things = thingEvents();
  for (let i = 0; i < 30; i++) await rig.publish(things.made, `k${i}`, i === 7 ? "poison" : "");
  const consumer = record("poisoned-batch", things, (batch) => {
    if (batch.some(({ what }) => what === "poison")) throw new Error("cannot be handled");
  });
  consumer.start();
  const parked = () => rig.pool.query("SELECT FROM inbox_parked WHERE consumer = 'poisoned-batch'");
  await until(async () => (await parked()).rowCount === 1);
  await until(async () => (await effects("poisoned-batch")).length === 29);
  expect(new Set(await effects("poisoned-batch")).size).toBe(29);
  await consumer.stop();
});

test("a duplicate within reach of a batch is dropped, and a batch size out of range is refused", async () => {
  const things = thingEvents();
  const first = record("again", things);
  await publishMany(things, 40, 1);
  first.start();
  await until(async () => (await effects("again")).length === 40);
  await first.stop();
  // A consumer that the broker has forgotten reads everything again.
  await (await jetstreamManager(rig.nc)).consumers.delete("EVENTS", "again");
  const second = record("again", things);
  second.start();
  await publishMany(things, 1, 1);
  await until(async () => (await effects("again")).length === 41);
  expect((await effects("again")).at(-1)).toBe("k0 2");
  await until(async () => (await rig.sample('inbox_duplicates_total{consumer="again"}')) === 40);
  await second.stop();
  expect(() => consume({ ...rig.deps, group: "g", batch: 501 }, [on(things.made, () => {})])).toThrow(
    /batch must be a whole number from 1 to 500 \(was 501\)/,
  );
});

test("an envelope is read past the client's decoder of headers", async () => {
  const { made } = thingEvents();
  await rig.publish(made, "k");
  const consumer = await jetstream(rig.nc).consumers.get("EVENTS", { filter_subjects: event(made).filter });
  const message = await consumer.next();
  if (!message) throw new Error("the event did not come");
  const decoded = fromHeaders(message.headers);
  Object.defineProperty(message, "headers", { get: () => expect.unreachable("the slow way") });
  expect(envelopeOf(message)).toEqual(decoded);
});

test("an event of an older version is handled as one of the newer", async () => {
  const { made: old, painted: current } = thingEvents();
  const seen: string[] = [];
  const handler = on(
    current,
    (message, { keySeq }) => void seen.push(`${colorOf(current, message)} ${keySeq}`),
  );
  const toNew = (message: Parameters<typeof colorOf>[1]) =>
    thing(current, event(old).key(message), colorOf(old, message) || "colorless");
  const consumer = consume({ ...rig.deps, group: "upcasts" }, [handler, upcast(old, toNew, handler)]);
  consumer.start();
  await rig.publish(old, "k");
  await rig.publish(old, "k", "red");
  await rig.publish(current, "k", "blue");
  await until(() => seen.length === 3);
  expect(seen).toEqual(["colorless 1", "red 2", "blue 3"]);
  await consumer.stop();
});
