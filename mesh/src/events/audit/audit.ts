import type { NatsConnection } from "@nats-io/transport-node";
import pg from "pg";
import { checkOrder, type Finding, orderKey, type Sighting } from "./findings.ts";
import {
  type ConsumerReading,
  type OutboxReading,
  readConsumers,
  readOutbox,
  readStream,
  type StreamReading,
} from "./readings.ts";

export interface AuditOptions {
  readonly nc: NatsConnection;
  /** URLs of the databases of services: their outboxes, inboxes and effects. */
  readonly databases: readonly string[];
  /**
   * A query whose rows say what was applied, in the order in which it was: `consumer`, `aggregate`, `key`,
   * `key_seq`. Asked of each database; default none.
   */
  readonly effects?: string | undefined;
}

export interface Audit {
  readonly findings: readonly Finding[];
  readonly counted: {
    /** Events that the outboxes remember: those that wait, and what was sent within 24 h. */
    readonly written: number;
    readonly waiting: number;
    /** Events in the stream, each once. */
    readonly streamed: number;
    /** Further copies of them; consumers drop them. */
    readonly repeated: number;
    /** Over all consumers. */
    readonly handled: number;
    /** In the stream, and still to come to a consumer. */
    readonly behind: number;
    readonly parked: number;
    readonly effects: number;
  };
}

/**
 * Compares what the outboxes remember, what the stream holds, what each consumer says that it has handled, and
 * the effects. Reads only, and may run beside a working system: what is under way counts as waiting or behind.
 */
export async function audit({ nc, databases, effects }: AuditOptions): Promise<Audit> {
  const open = await Promise.all(databases.map(connect));
  try {
    // In the direction in which events travel: what was seen in one place must be found in the next.
    const outboxes = await Promise.all(
      open.map(async ({ name, client }) => ({ name, ...(await readOutbox(client)) })),
    );
    const stream = await readStream(nc);
    const consumers = (await Promise.all(open.map(({ client }) => readConsumers(client, nc)))).flat();
    const applied = await Promise.all(
      open.map(({ client }) => (effects ? readEffects(client, effects) : [])),
    );
    const followed = consumers.map((consumer) => followUp(consumer, stream));
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    const waiting = sum(outboxes.map((outbox) => outbox.waiting.length));
    return {
      findings: [
        ...outboxes.flatMap((outbox) => checkOutbox(outbox.name, outbox, stream)),
        ...checkOrder("the stream", stream.sightings, "allowed"),
        ...followed.flatMap(({ findings }) => findings),
        ...applied.flat().flatMap(([consumer, sightings]) => {
          return checkOrder(`effects of ${consumer}`, sightings, "forbidden");
        }),
      ],
      counted: {
        written: waiting + sum(outboxes.map(({ sent }) => sent.length)),
        waiting,
        streamed: stream.ids.size,
        repeated: stream.sightings.length - stream.ids.size,
        handled: sum(consumers.map(({ handledIds }) => handledIds.size)),
        behind: sum(followed.map(({ behind }) => behind)),
        parked: sum(consumers.map(({ parkedIds }) => parkedIds.size)),
        effects: sum(applied.flat().map(([, sightings]) => sightings.length)),
      },
    };
  } finally {
    await Promise.all(open.map(({ client }) => client.end()));
  }
}

/** Every number that was given to an event is there, and what was sent has arrived. */
function checkOutbox(name: string, { waiting, sent, last }: OutboxReading, stream: StreamReading): Finding[] {
  const where = `outbox of ${name}`;
  const given = new Map(last.map((each) => [orderKey(each), each.keySeq]));
  const kept = Map.groupBy([...sent, ...waiting], orderKey);
  const missing = Array.from(kept.values()).flatMap((events) => {
    const newest = events.reduce((max, { keySeq }) => (keySeq > max ? keySeq : max), 0n);
    const { aggregate, key } = events[0]!;
    const due = given.get(orderKey(events[0]!)) ?? 0n;
    return newest < due ? [lost(where, { aggregate, key }, `event ${due} was written and is gone`)] : [];
  });
  const notArrived = sent
    .filter(({ eventId, sentAt }) => sentAt > stream.since && !stream.ids.has(eventId))
    .map((event) => lost(where, event, `event ${event.keySeq} was sent and is not in the stream`));
  const byNumber = [...sent, ...waiting].sort((a, b) => (a.keySeq < b.keySeq ? -1 : 1));
  return [...missing, ...notArrived, ...checkOrder(where, byNumber, "forbidden")];
}

/** What the stream holds for a consumer is handled, parked or still to come. */
function followUp(consumer: ConsumerReading, stream: StreamReading): { findings: Finding[]; behind: number } {
  const { name, reads, settled, positions, handledIds, parkedIds } = consumer;
  const position = new Map(positions.map((each) => [orderKey(each), each.keySeq]));
  const where = `consumer ${name}`;
  const findings: Finding[] = [];
  const coming = new Set<string>();
  for (const event of stream.sightings) {
    const { eventId, keySeq } = event;
    if (!reads(event.type) || handledIds.has(eventId) || parkedIds.has(eventId)) continue;
    if (keySeq <= (position.get(orderKey(event)) ?? 0n)) {
      findings.push(lost(where, event, `event ${keySeq} was passed without being handled`));
    } else if (settled) findings.push(lost(where, event, `event ${keySeq} never came`));
    else coming.add(eventId);
  }
  return { findings, behind: coming.size };
}

function lost(
  where: string,
  { aggregate, key }: Pick<Sighting, "aggregate" | "key">,
  detail: string,
): Finding {
  return { what: "lost", where, aggregate, key, detail };
}

async function readEffects(client: pg.Client, sql: string): Promise<[string, Sighting[]][]> {
  const { rows } = await client.query<{ consumer: string; aggregate: string; key: string; key_seq: string }>(
    sql,
  );
  const byConsumer = Map.groupBy(rows, ({ consumer }) => consumer);
  return Array.from(byConsumer, ([consumer, applied]) => [
    consumer,
    applied.map(({ aggregate, key, key_seq }) => ({ eventId: "", aggregate, key, keySeq: BigInt(key_seq) })),
  ]);
}

async function connect(url: string): Promise<{ name: string; client: pg.Client }> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  return { name: new URL(url).pathname.slice(1), client };
}
