import { randomBytes } from "node:crypto";
import { until } from "@antiphon/mesh/testing";
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runInScope } from "../call-scope.ts";
import { withTransaction } from "../database.ts";
import { toHeaders } from "./envelope.ts";
import { type EventRig, eventRig, thing, thingEvents } from "./event-rig.fixture.ts";
import { consume, EventError, event, eventMigrations, keySeqOf, on, openOutbox } from "./index.ts";
import { openJetStream } from "./jetstream.ts";
import { exportCursor, readPending } from "./outbox-store.ts";

let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
});
afterAll(() => rig.close());

/** Everything that is published to a consumer of this group, in the order of its arrival. */
function collect(group: string, { made, painted }: ReturnType<typeof thingEvents>) {
  const seen: string[] = [];
  const consumer = consume({ ...rig.deps, group }, [
    on(made, (_, { key, keySeq }) => void seen.push(`made ${key} ${keySeq}`)),
    on(painted, (_, { key, keySeq }) => void seen.push(`painted ${key} ${keySeq}`)),
  ]);
  consumer.start();
  return { seen, consumer };
}

async function waiting(): Promise<number> {
  const { rows } = await rig.pool.query("SELECT count(*)::int AS n FROM outbox");
  return rows[0].n;
}

test("the tables are made once, also by replicas that start together", async () => {
  await Promise.all([eventMigrations(rig.pool), eventMigrations(rig.pool)]);
});

test("an event exists if and only if its transaction commits, and its number has no hole", async () => {
  const { made } = thingEvents();
  const attempt = withTransaction(rig.pool, async (tx) => {
    await rig.outbox.publish(tx, event(made), thing(made, "rolled back"));
    throw new Error("the write failed");
  });
  await expect(attempt).rejects.toThrow("the write failed");
  await rig.publish(made, "rolled back");
  const { rows } = await rig.pool.query("SELECT key_seq FROM outbox WHERE key = 'rolled back'");
  expect(rows).toEqual([{ key_seq: "1" }]);
});

test.each([
  ["", /thing_id, its key, is empty/],
  ["k".repeat(257), /thing_id, its key, must be at most 256 characters \(was 257\)/],
  ["two\nlines", /thing_id, its key, must not contain control characters/],
  [" k", /thing_id, its key, must not begin or end with blanks \(was " k"\)/],
  ["k ", /must not begin or end with blanks/],
  ["k\u00a0", /must not begin or end with blanks/],
  ["\ufeffk", /must not begin or end with blanks/],
])("an event whose key is %j is refused when it is published", async (key, why) => {
  await expect(rig.publish(thingEvents().made, key)).rejects.toThrow(EventError);
  await expect(rig.publish(thingEvents().made, key)).rejects.toThrow(why);
});

test("an event over a megabyte is refused when it is published", async () => {
  const publish = rig.publish(thingEvents().made, "big", "x".repeat(1_000_000));
  await expect(publish).rejects.toThrow(
    /thing_made.v1 cannot be published: it must be at most 1000000 bytes/,
  );
});

test("the relay reads about as many bytes as it may, and always one event", async () => {
  const { made } = thingEvents();
  const writer = await eventRig();
  try {
    for (const key of ["b1", "b2", "b3"]) await writer.publish(made, key, "x".repeat(1_000));
    const read = (maxBytes: number) =>
      withTransaction(writer.pool, async (tx) => (await readPending(tx, { count: 500, maxBytes })).length);
    expect(await read(1)).toBe(1);
    expect(await read(1_500)).toBe(2);
    expect(await read(1e9)).toBe(3);
  } finally {
    await writer.close();
  }
});

test("what was committed is applied, in order over all types of the aggregate", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("commit-to-applied", things);
  rig.outbox.start();
  await rig.publish(things.made, "t1");
  await rig.publish(things.painted, "t1");
  await rig.publish(things.made, "t1");
  await until(() => seen.length === 3);
  expect(seen).toEqual(["made t1 1", "painted t1 2", "made t1 3"]);
  await until(async () => (await waiting()) === 0, { what: "an empty outbox" });
  await consumer.stop();
});

test.each(["two words", "\u00e9t\u00e9\u2003\ud83c\udfb6", 'a "quoted" \\ {key}: %20'])(
  "key %j arrives as it was written",
  async (key) => {
    const things = thingEvents();
    const { seen, consumer } = collect(`key-${randomBytes(4).toString("hex")}`, things);
    rig.outbox.start();
    await rig.publish(things.made, key);
    await rig.publish(things.painted, key);
    await until(() => seen.length === 2);
    expect(seen).toEqual([`made ${key} 1`, `painted ${key} 2`]);
    await consumer.stop();
  },
);

test("an event carries the trace of the call that caused it", async () => {
  const { made } = thingEvents();
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await runInScope({ traceparent }, () => rig.publish(made, "traced"));
  await until(async () => (await waiting()) === 0);
  const { rows } = await rig.pool.query("SELECT traceparent FROM outbox_sent WHERE key = 'traced'");
  expect(rows).toEqual([{ traceparent }]);
});

test("a relay that died between publishing and moving leaves a duplicate that nobody sees", async () => {
  const things = thingEvents();
  const writer = await eventRig();
  try {
    await writer.publish(things.made, "twice");
    await openJetStream(writer.nc);
    const published = await withTransaction(writer.pool, (tx) => readPending(tx, { count: 1, maxBytes: 1 }));
    for (const { subject, payload, envelope } of published) {
      await jetstream(writer.nc).publish(subject, payload, { headers: toHeaders(envelope) });
      // The same again, after the two minutes in which the broker knows it.
      const headers = toHeaders(envelope);
      headers.set("Nats-Msg-Id", "forgotten");
      await jetstream(writer.nc).publish(subject, payload, { headers });
    }
    writer.outbox.start();
    await writer.publish(things.painted, "twice");
    const { seen, consumer } = collect("duplicates", things);
    await until(() => seen.length === 2);
    expect(seen).toEqual(["made twice 1", "painted twice 2"]);
    await until(async () => (await rig.sample('inbox_duplicates_total{consumer="duplicates"}')) === 1);
    await consumer.stop();
  } finally {
    await writer.close();
  }
});

test("one replica relays at a time, and the next takes over", async () => {
  const things = thingEvents();
  const writer = await eventRig();
  const second = openOutbox({ ...writer.deps, service: "rig" });
  const { seen, consumer } = collect("take-over", things);
  try {
    writer.outbox.start();
    await writer.publish(things.made, "first");
    await until(() => seen.length === 1);
    second.start();
    await writer.outbox.stop();
    await writer.publish(things.made, "second");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["made first 1", "made second 1"]);
  } finally {
    await consumer.stop();
    await second.stop();
    await writer.close();
  }
});

test("what is committed while a service drains, up to the moment it stops, still leaves", async () => {
  const things = thingEvents();
  const draining = new AbortController();
  const writer = await eventRig();
  const outbox = openOutbox({ ...writer.deps, service: "rig", ...{ signal: draining.signal } });
  try {
    outbox.start();
    await writer.publish(things.made, "before");
    const left = async () => (await writer.pool.query("SELECT FROM outbox")).rowCount === 0;
    await until(left);
    draining.abort();
    await writer.publish(things.made, "during the drain");
    await until(left);
    const committed = Array.from({ length: 100 }, (_, i) => writer.publish(things.made, `last ${i}`));
    await Promise.all(committed);
    await outbox.stop();
    expect(await left()).toBe(true);
  } finally {
    await writer.close();
  }
});

test("a relay whose connection to PostgreSQL is cut goes on", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("cut", things);
  await rig.publish(things.made, "before");
  await until(() => seen.length === 1);
  await rig.pool.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
  );
  await until(() => rig.publish(things.made, "after").then(() => true));
  await until(() => seen.length === 2);
  expect(seen).toEqual(["made before 1", "made after 1"]);
  await consumer.stop();
});

test("what was sent more than a day ago is forgotten when a relay begins to lead", async () => {
  const writer = await eventRig();
  try {
    // Younger than the stream but for a day of its own: not sent again.
    await writer.pool.query(
      `INSERT INTO outbox_sent (seq, event_id, type, source, aggregate, key, key_seq, subject, payload, created_at, sent_at)
       SELECT n, gen_random_uuid(), 'a.b.v1', '/rig', 'a', 'k', n, 'evt.a.b.v1.0', '', now(), now() - age
       FROM unnest('{25 hours,-1 hour}'::interval[]) WITH ORDINALITY AS each (age, n)`,
    );
    writer.outbox.start();
    const kept = () => writer.pool.query("SELECT key_seq FROM outbox_sent");
    await until(async () => (await kept()).rowCount === 1);
    expect((await kept()).rows).toEqual([{ key_seq: "2" }]);
  } finally {
    await writer.close();
  }
});

test("the metrics say what waits and since when", async () => {
  const writer = await eventRig();
  try {
    await writer.publish(thingEvents().made, "waits");
    // The lock of another replica's relay, which does nothing.
    const leader = await writer.pool.connect();
    await leader.query("SELECT pg_advisory_lock(hashtextextended('antiphon.outbox', 0))");
    writer.outbox.start();
    await until(async () => (await writer.sample("outbox_pending")) === 1);
    expect(await writer.sample("outbox_oldest_seconds")).toBeGreaterThan(0);
    leader.release(true);
  } finally {
    await writer.close();
  }
});

test("an export reads one snapshot with the number of each key's last event", async () => {
  const { made } = thingEvents();
  const { aggregate } = event(made);
  await rig.pool.query("CREATE TABLE thing (id text PRIMARY KEY)");
  await rig.pool.query("INSERT INTO thing SELECT 'e' || i FROM generate_series(1, 1200) i");
  await rig.publish(made, "e7");
  await rig.publish(made, "e7");
  const rows: { id: string; key_seq: string }[] = [];
  const sql = `SELECT id, ${keySeqOf(aggregate, "thing.id")} AS key_seq FROM thing`;
  for await (const row of exportCursor<{ id: string; key_seq: string }>(rig.pool, sql)) {
    if (rows.length === 0) await rig.pool.query("INSERT INTO thing VALUES ('too late')");
    rows.push(row);
  }
  expect(rows).toHaveLength(1_200);
  expect(rows.filter(({ key_seq }) => key_seq !== "0")).toEqual([{ id: "e7", key_seq: "2" }]);
});
