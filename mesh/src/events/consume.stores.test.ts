import { randomUUID } from "node:crypto";
import { until } from "@antiphon/mesh/testing";
import { DeadLetterSchema } from "@antiphon/proto/antiphon/mesh/v1/dead_letter";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentScope, runInScope } from "../call-scope.ts";
import { scopeFields } from "../telemetry/logger.ts";
import { type Envelope, toHeaders } from "./envelope.ts";
import {
  colorOf,
  type EventRig,
  eventRig,
  type ThingEvents,
  thing,
  thingEvents,
} from "./event-rig.fixture.ts";
import { consume, DEAD_LETTERS, event, on, openJetStream } from "./index.ts";

let rig: EventRig;
beforeAll(async () => {
  rig = await eventRig();
  await rig.pool.query(
    `CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, consumer text, key text, key_seq bigint, what text,
       by text)`,
  );
  rig.outbox.start();
});
afterAll(() => rig.close());

interface Applied {
  readonly key: string;
  readonly key_seq: string;
  readonly what: string;
}

async function applied(consumer: string): Promise<string[]> {
  const { rows } = await rig.pool.query<Applied>("SELECT * FROM effect WHERE consumer = $1 ORDER BY n", [
    consumer,
  ]);
  return rows.map(({ key, key_seq, what }) => `${key} ${key_seq} ${what}`);
}

type Hook = (what: string, key: string) => void | Promise<void>;

/** A consumer that writes down in the database what it applied. */
function record(
  group: string,
  { made, painted }: ThingEvents,
  hook: Hook = () => {},
  { by = "", ...options }: { by?: string; retryMs?: number; maxAttempts?: number } = {},
) {
  const handler = (schema: ThingEvents["made"]) =>
    on(schema, async (message, { tx, key, keySeq }) => {
      const what = colorOf(schema, message);
      await tx.query("INSERT INTO effect (consumer, key, key_seq, what, by) VALUES ($1, $2, $3, $4, $5)", [
        group,
        key,
        String(keySeq),
        what,
        by,
      ]);
      await hook(what, key);
    });
  const settings = { retryMs: 1, ackWaitMs: 2_000, service: "test", ...options };
  const consumer = consume({ ...rig.deps, group, ...settings }, [handler(made), handler(painted)]);
  consumer.start();
  return consumer;
}

/** Puts a message on an event's subject past the outbox. */
async function forge(
  things: ThingEvents,
  changes: Partial<Envelope>,
  payload: Uint8Array = new Uint8Array(),
) {
  const type = event(things.made);
  const envelope = {
    id: randomUUID(),
    type: type.type,
    source: "/forged",
    key: "forged",
    keySeq: 1n,
    at: new Date(),
    ...changes,
  };
  await openJetStream(rig.nc);
  const options = { headers: toHeaders(envelope) };
  await jetstream(rig.nc).publish(type.subject(envelope.key), payload, options);
  return envelope;
}

async function deadLetters(group: string) {
  const manager = await jetstreamManager(rig.nc);
  const subject = `dlq.test.${group}`;
  const { state } = await manager.streams.info(DEAD_LETTERS, { subjects_filter: subject });
  if (!state.subjects?.[subject]) return [];
  const last = await manager.streams.getMessage(DEAD_LETTERS, { last_by_subj: subject });
  return [last ? fromBinary(DeadLetterSchema, last.data) : undefined];
}

/** A malformed protobuf message: a field that claims more bytes than follow. */
const MALFORMED = new Uint8Array([0x0a, 0xff, 0x01, 0x61]);

test("5,000 events of 200 keys reach two replicas in order, each exactly once", async () => {
  const things = thingEvents();
  const replicas = ["a", "b"].map((by) => record("in-order", things, undefined, { by }));
  const writers = Array.from({ length: 10 }, async (_, writer) => {
    for (let i = 0; i < 500; i++) {
      const key = `k${(writer * 500 + i * 7) % 200}`;
      await rig.publish(i % 3 ? things.made : things.painted, key);
    }
  });
  await Promise.all(writers);
  const count = async () => {
    const { rows } = await rig.pool.query(
      "SELECT count(*)::int AS n FROM effect WHERE consumer = 'in-order'",
    );
    return rows[0].n;
  };
  await until(async () => (await count()) >= 5_000, { timeoutMs: 120_000, what: "5,000 effects" });
  await Promise.all(replicas.map((replica) => replica.stop()));
  const { rows } = await rig.pool.query(
    `SELECT count(*)::int AS n, count(DISTINCT (key, key_seq))::int AS distinct, count(DISTINCT by)::int AS replicas,
            count(*) FILTER (WHERE key_seq <> place)::int AS inversions
     FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY n) AS place FROM effect
           WHERE consumer = 'in-order') e`,
  );
  expect(rows).toEqual([{ n: 5_000, distinct: 5_000, replicas: 2, inversions: 0 }]);
}, 150_000);

test("a handler that fails is tried again, and nothing of its attempt stays", async () => {
  const things = thingEvents();
  let failures = 0;
  const consumer = record("tries-again", things, () => {
    failures += 1;
    if (failures < 3) throw new Error("not yet");
  });
  await rig.publish(things.made, "k", "first");
  await rig.publish(things.made, "k", "second");
  await until(async () => (await applied("tries-again")).length === 2);
  expect(await applied("tries-again")).toEqual(["k 1 first", "k 2 second"]);
  await consumer.stop();
});

test("an event that fails five times is dead-lettered and its key parked, while other keys go on", async () => {
  const things = thingEvents();
  let attempts = 0;
  let mended = false;
  const consumer = record("poison", things, (what) => {
    if (what !== "poison" || mended) return;
    attempts += 1;
    throw new Error("cannot be handled");
  });
  await rig.publish(things.made, "sick", "well");
  await rig.publish(things.made, "sick", "poison");
  await rig.publish(things.painted, "sick", "behind it");
  await rig.publish(things.made, "healthy", "well");
  await until(async () => (await deadLetters("poison")).length === 1);
  await rig.publish(things.made, "healthy", "still well");
  const parked = () => rig.pool.query("SELECT key_seq FROM inbox_parked WHERE consumer = 'poison'");
  await until(async () => (await applied("poison")).length === 3 && (await parked()).rowCount === 2);

  expect(attempts).toBe(5);
  expect((await applied("poison")).sort()).toEqual(["healthy 1 well", "healthy 2 still well", "sick 1 well"]);
  expect((await deadLetters("poison"))[0]).toMatchObject({
    consumer: "poison",
    reason: "Error: cannot be handled",
    attempts: 5,
    headers: { "ce-subject": "sick", "ce-keyseq": "2" },
  });

  await expect(consumer.release(event(things.made).aggregate, "sick")).rejects.toThrow("cannot be handled");
  mended = true;
  expect(await consumer.release(event(things.made).aggregate, "sick")).toBe(2);
  await rig.publish(things.made, "sick", "well again");
  await until(async () => (await applied("poison")).length === 6);
  expect((await applied("poison")).slice(3)).toEqual([
    "sick 2 poison",
    "sick 3 behind it",
    "sick 4 well again",
  ]);
  await consumer.stop();
});

test("a payload that cannot be read is dead-lettered at once, and its key goes on", async () => {
  const things = thingEvents();
  const consumer = record("malformed", things);
  await forge(things, { key: "k", keySeq: 1n }, MALFORMED);
  await forge(things, { key: "k", keySeq: 2n });
  await until(async () => (await applied("malformed")).length === 1);
  expect(await applied("malformed")).toEqual(["k 2 "]);
  const [letter] = await deadLetters("malformed");
  expect(letter?.reason).toMatch(/^Error: the payload is no t[0-9a-f]+\.ThingMade$/);
  expect(letter?.payload).toEqual(MALFORMED);
  await consumer.stop();
});

test("a message that is no event at all is dead-lettered and stands in nobody's way", async () => {
  const things = thingEvents();
  const consumer = record("no-event", things);
  await openJetStream(rig.nc);
  await jetstream(rig.nc).publish(event(things.made).subject("k"), new TextEncoder().encode("hello"));
  await rig.publish(things.made, "k", "an event");
  await until(async () => (await applied("no-event")).length === 1);
  await until(async () => (await deadLetters("no-event")).length === 1);
  expect((await deadLetters("no-event"))[0]?.reason).toBe("MalformedEnvelope: header ce-time is missing");
  await consumer.stop();
});

test("an event whose predecessor is still being tried waits for it", async () => {
  const things = thingEvents();
  let failures = 0;
  const replicas = ["a", "b"].map((by) =>
    record(
      "waits",
      things,
      (what) => {
        if (what !== "first" || failures === 3) return;
        failures += 1;
        throw new Error("not yet");
      },
      { by, retryMs: 50 },
    ),
  );
  await rig.publish(things.made, "k", "first");
  await rig.publish(things.made, "k", "second");
  await until(async () => (await applied("waits")).length === 2, { timeoutMs: 20_000 });
  expect(await applied("waits")).toEqual(["k 1 first", "k 2 second"]);
  expect(await rig.sample('event_gap_total{consumer="waits"}')).toBeGreaterThan(3);
  await Promise.all(replicas.map((replica) => replica.stop()));
});

test("a key whose earlier events the stream no longer has goes on without them", async () => {
  const things = thingEvents();
  const consumer = record("begins-late", things);
  await forge(things, { key: "k", keySeq: 41n });
  await forge(things, { key: "k", keySeq: 42n });
  await until(async () => (await applied("begins-late")).length === 2);
  expect(await applied("begins-late")).toEqual(["k 41 ", "k 42 "]);
  await consumer.stop();
});

test("an event that comes after later ones of its key is dead-lettered, not applied out of order", async () => {
  const things = thingEvents();
  const consumer = record("late", things);
  await forge(things, { key: "k", keySeq: 5n });
  await until(async () => (await applied("late")).length === 1);
  await forge(things, { key: "k", keySeq: 4n });
  await until(async () => (await deadLetters("late")).length === 1);
  expect((await deadLetters("late"))[0]?.reason).toBe("Error: it came after later events of its key");
  expect(await applied("late")).toEqual(["k 5 "]);
  await consumer.stop();
});

test("a service that is away costs time, never an event", async () => {
  const things = thingEvents();
  let calls = 0;
  const away = () => {
    calls += 1;
    if (calls < 4) throw new ConnectError("catalog is away", Code.Unavailable);
  };
  const consumer = record("away", things, away, { maxAttempts: 2 });
  await rig.publish(things.made, "k", "patient");
  await until(async () => (await applied("away")).length === 1, { timeoutMs: 30_000 });
  expect(calls).toBe(4);
  expect(await deadLetters("away")).toEqual([]);
  await consumer.stop();
});

test("events without a handler keep their key's order and have no effect", async () => {
  const things = thingEvents();
  const seen: string[] = [];
  const consumer = consume({ ...rig.deps, group: "some-types" }, [
    on(things.painted, (_, { keySeq }) => void seen.push(`painted ${keySeq}`)),
  ]);
  consumer.start();
  for (const schema of [things.made, things.painted, things.made, things.painted])
    await rig.publish(schema, "k");
  await until(() => seen.length === 2);
  expect(seen).toEqual(["painted 2", "painted 4"]);
  await consumer.stop();
});

test("a handler's own events are published with its effect, and only with it", async () => {
  const things = thingEvents();
  let attempts = 0;
  const seen: string[] = [];
  const consumer = consume({ ...rig.deps, group: "publishes", retryMs: 1 }, [
    on(things.made, async (_, { tx, key }) => {
      await rig.outbox.publish(tx, event(things.other), thing(things.other, key));
      attempts += 1;
      if (attempts === 1) throw new Error("after publishing");
    }),
    on(
      things.other,
      (_, { keySeq }) => void seen.push(`other ${keySeq} ${currentScope()?.traceparent ?? "untraced"}`),
    ),
  ]);
  consumer.start();
  await rig.publish(things.made, "k");
  await until(() => seen.length === 1);
  expect(seen).toEqual(["other 1 untraced"]);
  expect(attempts).toBe(2);
  await consumer.stop();
});

test("a handler, and what is logged of its event, are part of the trace that caused it", async () => {
  const things = thingEvents();
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
  const lines: { trace?: string; msg: string }[] = [];
  const log = pino({ mixin: scopeFields }, { write: (line) => void lines.push(JSON.parse(line)) });
  const seen: (string | undefined)[] = [];
  const consumer = consume({ ...rig.deps, log, group: "traced", retryMs: 1 }, [
    on(things.made, () => {
      seen.push(currentScope()?.traceparent);
      if (seen.length === 1) throw new Error("not yet");
    }),
  ]);
  consumer.start();
  await runInScope({ traceparent }, () => rig.publish(things.made, "k"));
  await until(() => seen.length === 2);
  expect(seen).toEqual([traceparent, traceparent]);
  expect(lines.find(({ msg }) => /will be tried again/.test(msg))?.trace).toBe(trace);
  await consumer.stop();
});

test("what a consumer need not remember any more is forgotten when it starts", async () => {
  const { made } = thingEvents();
  await rig.pool.query(
    `INSERT INTO inbox (consumer, event_id, handled_at)
     SELECT 'forgets', gen_random_uuid(), now() - age FROM unnest('{7 days,9 days}'::interval[]) AS age`,
  );
  const consumer = consume({ ...rig.deps, group: "forgets" }, [on(made, () => {})]);
  consumer.start();
  const remembered = () => rig.pool.query("SELECT FROM inbox WHERE consumer = 'forgets'");
  await until(async () => (await remembered()).rowCount === 1);
  await consumer.stop();
});

test("two handlers of one type, none at all, and a group that is no name are refused", () => {
  const { made } = thingEvents();
  expect(() => consume({ ...rig.deps, group: "g" }, [])).toThrow(/at least one handler/);
  expect(() => consume({ ...rig.deps, group: "g" }, [on(made, () => {}), on(made, () => {})])).toThrow(
    /one handler a type/,
  );
  expect(() => consume({ ...rig.deps, group: "a group.x" }, [on(made, () => {})])).toThrow(
    /group must be .* \(was "a group.x"\)/,
  );
});

test("the metrics tell results, delays, dead letters and parked keys apart", async () => {
  const things = thingEvents();
  const consumer = record("measured", things);
  await forge(things, { key: "k", keySeq: 1n }, MALFORMED);
  await rig.publish(things.made, "j");
  await until(async () => (await rig.sample('dlq_messages{consumer="measured"}')) === 1, {
    timeoutMs: 15_000,
  });
  expect(await rig.sample('event_process_seconds_count{consumer="measured",result="applied"}')).toBe(1);
  expect(await rig.sample('event_process_seconds_count{consumer="measured",result="dead_letter"}')).toBe(1);
  expect(await rig.sample('event_e2e_seconds_count{consumer="measured"}')).toBe(1);
  expect(await rig.sample('inbox_parked_keys{consumer="measured"}')).toBe(0);
  await consumer.stop();
});
