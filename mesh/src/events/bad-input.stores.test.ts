import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@antiphon/mesh/testing";
import { type NatsServer, startNats } from "@antiphon/test/src/servers.ts";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHeaders } from "./envelope.ts";
import { colorOf, type EventRig, eventRig, type ThingEvents, thingEvents } from "./event-rig.fixture.ts";
import { consume, DEAD_LETTERS, EVENTS, event, MAX_EVENT_BYTES, on, openJetStream } from "./index.ts";
import { relay } from "./relay.ts";

let dir: string;
let nats: NatsServer;
let rig: EventRig;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-events-"));
  nats = await startNats({ dir });
  rig = await eventRig({ natsUrl: nats.url });
  rig.outbox.start();
});
afterAll(async () => {
  await rig.close();
  await nats.kill();
  await rm(dir, { recursive: true, force: true });
});

function collect(group: string, { made, painted }: ThingEvents) {
  const seen: string[] = [];
  const note = (schema: ThingEvents["made"]) =>
    on(schema, (message, { key, keySeq }) => void seen.push(`${key} ${keySeq} ${colorOf(schema, message)}`));
  const consumer = consume({ ...rig.deps, group, retryMs: 1, ackWaitMs: 1_000 }, [note(made), note(painted)]);
  consumer.start();
  return { seen, consumer };
}

async function forge(
  things: ThingEvents,
  keySeq: bigint,
  payload: Uint8Array,
  headers: Record<string, string> = {},
) {
  const type = event(things.made);
  const envelope = { id: randomUUID(), type: type.type, source: "/forged", key: "k", keySeq, at: new Date() };
  const h = toHeaders(envelope);
  for (const [name, value] of Object.entries(headers)) h.set(name, value);
  await openJetStream(rig.nc);
  await jetstream(rig.nc).publish(type.subject("k"), payload, { headers: h });
  return envelope;
}

/** thing_id "k", color "red", and a field 9 that this version does not know. */
const NEWER = new Uint8Array([0x0a, 1, 0x6b, 0x12, 3, 0x72, 0x65, 0x64, 0x4a, 2, 0x68, 0x69]);

test("an event of a newer schema is read as far as this version knows it", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("newer-fields", things);
  await forge(things, 1n, NEWER);
  await until(() => seen.length === 1);
  expect(seen).toEqual(["k 1 red"]);
  await consumer.stop();
});

test("an event of a type that came with a newer version does not stop its key", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("newer-type", things);
  await forge(things, 1n, NEWER);
  const v2 = { ...event(things.made), type: event(things.made).type.replace(".v1", ".v2") };
  const headers = toHeaders({
    id: randomUUID(),
    type: v2.type,
    source: "/f",
    key: "k",
    keySeq: 2n,
    at: new Date(),
  });
  await jetstream(rig.nc).publish(`evt.${v2.type}.0`, NEWER, { headers });
  await forge(things, 3n, NEWER);
  await until(() => seen.length === 2);
  expect(seen).toEqual(["k 1 red", "k 3 red"]);
  await consumer.stop();
});

test("an event as large as allowed arrives", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("large", things);
  await rig.publish(things.made, "k", "x".repeat(MAX_EVENT_BYTES - 20));
  await until(() => seen.length === 1);
  expect(seen[0]).toHaveLength("k 1 ".length + MAX_EVENT_BYTES - 20);
  await consumer.stop();
});

test("an event without its key is dead-lettered", async () => {
  const things = thingEvents();
  const { consumer } = collect("keyless", things);
  await forge(things, 1n, NEWER, { "ce-subject": "" });
  const letters = async () => {
    const manager = await jetstreamManager(rig.nc);
    return (await manager.streams.info(DEAD_LETTERS, { subjects_filter: "dlq.keyless.keyless" })).state
      .subjects;
  };
  await until(async () => (await letters())?.["dlq.keyless.keyless"] === 1);
  await consumer.stop();
});

test.each([-86_400_000, 86_400_000])(
  "a clock that is %d ms off changes nothing but what is measured",
  async (offMs) => {
    const things = thingEvents();
    const { seen, consumer } = collect(offMs < 0 ? "clock-behind" : "clock-ahead", things);
    await forge(things, 1n, NEWER, { "ce-time": new Date(Date.now() + offMs).toISOString() });
    await forge(things, 2n, NEWER);
    await until(() => seen.length === 2);
    expect(seen).toEqual(["k 1 red", "k 2 red"]);
    await consumer.stop();
  },
);

test("a duplicate that the broker has forgotten, before and after later events, has no second effect", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("forgotten", things);
  const first = await forge(things, 1n, NEWER);
  const again = () =>
    jetstream(rig.nc).publish(event(things.made).subject("k"), NEWER, {
      headers: (() => {
        const headers = toHeaders(first);
        headers.set("Nats-Msg-Id", randomUUID());
        return headers;
      })(),
    });
  await again();
  await forge(things, 2n, NEWER);
  await again();
  await forge(things, 3n, NEWER);
  await until(() => seen.length === 3);
  await until(async () => (await rig.sample('inbox_duplicates_total{consumer="forgotten"}')) === 2);
  expect(seen).toEqual(["k 1 red", "k 2 red", "k 3 red"]);
  await consumer.stop();
});

test("a consumer under a new name reads what the stream holds, and leaves the old one's place as it was", async () => {
  const things = thingEvents();
  const old = collect("old-name", things);
  for (const color of ["a", "b"]) await rig.publish(things.made, "k", color);
  await until(() => old.seen.length === 2);
  await old.consumer.stop();
  const renamed = collect("new-name", things);
  await until(() => renamed.seen.length === 2);
  await renamed.consumer.stop();
  await rig.publish(things.made, "k", "c");
  const back = collect("old-name", things);
  await until(() => back.seen.length === 1);
  expect([renamed.seen, back.seen]).toEqual([["k 1 a", "k 2 b"], ["k 3 c"]]);
  await back.consumer.stop();
});

/** A pool whose connections say yes to whoever asks for the lock. */
function alwaysLeading(pool: pg.Pool): pg.Pool {
  const connect = async () => {
    const client = await pool.connect();
    const query = client.query.bind(client);
    const lie = (sql: string, ...rest: unknown[]) =>
      sql.includes("pg_try_advisory_lock")
        ? Promise.resolve({ rows: [{ leads: true }] })
        : Reflect.apply(query, client, [sql, ...rest]);
    return Object.assign(client, { query: lie });
  };
  return { connect } as unknown as pg.Pool;
}

test("two relays that both believe they lead send duplicates at most, never out of order", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("two-leaders", things);
  const stopped = new AbortController();
  const second = relay({ ...rig.deps, pool: alwaysLeading(rig.pool), signal: stopped.signal });
  for (let i = 0; i < 300; i++) await rig.publish(things.made, `k${i % 5}`);
  await until(() => seen.length >= 300, { timeoutMs: 20_000 });
  stopped.abort();
  await second;
  const next = new Map<string, number>();
  for (const event of seen) {
    const [key = "", seq] = event.split(" ");
    expect(Number(seq)).toBe((next.get(key) ?? 0) + 1);
    next.set(key, Number(seq));
  }
  expect(seen).toHaveLength(300);
  await consumer.stop();
});

test("a full stream backs up into the outbox; writers do not notice, and it drains when there is room", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("full", things);
  const manager = await openJetStream(rig.nc);
  const { config, state } = await manager.streams.info(EVENTS);
  await manager.streams.update(EVENTS, { ...config, max_bytes: state.bytes + 100 });
  for (let i = 0; i < 20; i++) await rig.publish(things.made, `k${i}`);
  const waiting = async () => (await rig.pool.query("SELECT FROM outbox")).rowCount ?? 0;
  await until(async () => (await waiting()) >= 19);
  expect(seen.length).toBeLessThanOrEqual(1);
  // The relay starts over and mends the stream's rules, but leaves its size to the operator.
  expect((await manager.streams.info(EVENTS)).config.max_bytes).toBe(state.bytes + 100);
  await manager.streams.update(EVENTS, { ...config });
  await until(() => seen.length === 20, { timeoutMs: 20_000 });
  expect(new Set(seen).size).toBe(20);
  await until(async () => (await waiting()) === 0);
  await consumer.stop();
});

test("a broker whose disk is full loses nothing: events wait in the outbox until there is room", async () => {
  const things = thingEvents();
  const { seen, consumer } = collect("disk-full", things);
  await rig.publish(things.made, "k", "before");
  await until(() => seen.length === 1);
  // No file of the broker may grow beyond what a few more events need.
  execFileSync("prlimit", ["--pid", String(nats.pid), "--fsize=1500000"]);
  for (let i = 0; i < 40; i++) await rig.publish(things.made, `k${i}`, "x".repeat(100_000));
  const waiting = async () => (await rig.pool.query("SELECT FROM outbox")).rowCount ?? 0;
  const stuck = "SELECT FROM outbox WHERE created_at < now() - interval '3 seconds'";
  await until(async () => ((await rig.pool.query(stuck)).rowCount ?? 0) > 10);
  await nats.restart();
  await until(() => seen.length === 41, { timeoutMs: 30_000, what: "all events applied" });
  expect(new Set(seen).size).toBe(41);
  await until(async () => (await waiting()) === 0);
  await consumer.stop();
}, 60_000);
