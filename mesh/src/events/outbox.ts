import { randomUUIDv7 } from "node:crypto";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { currentScope } from "../call-scope.ts";
import { keepRunning, pause } from "../keep-running.ts";
import { EventError, type EventType } from "./event-type.ts";
import { eventMetrics } from "./metrics.ts";
import { insertEvent, measureOutbox } from "./outbox-store.ts";
import { relay } from "./relay.ts";

/** NATS takes 1 MiB a message, headers included. */
export const MAX_EVENT_BYTES = 1_000_000;
export const MAX_KEY_LENGTH = 256;

export interface OutboxDeps {
  /** The database that holds the service's data and, beside it, the tables of `eventMigrations`. */
  readonly pool: pg.Pool;
  /** Who publishes, for the event's source. */
  readonly service: string;
  readonly nats: () => Promise<NatsConnection>;
  readonly log: Logger;
  readonly metrics: Registry;
}

export interface Outbox {
  /**
   * Publishes in the transaction that changes the data: the event exists if and only if the change does.
   * It locks the event's key until the transaction ends; publish several keys in one order everywhere.
   * Rejects with {@link EventError} an event without its key, a key over 256 characters, with control characters
   * or with blanks at its ends, and one of more than 1,000,000 bytes.
   */
  publish<S extends DescMessage>(
    tx: pg.ClientBase,
    type: EventType<S>,
    message: MessageShape<S>,
  ): Promise<void>;
  /**
   * Starts carrying events to the broker, beside the other replicas: one of them does it at a time. Only
   * `stop` ends it, not the start of a drain: calls that are still answered commit events too.
   */
  start(): void;
  /**
   * To be called after the drain. The leader sends what was committed by now, up to one batch; resolves when
   * that is settled. Nothing is lost: another replica or the next start goes on.
   */
  stop(): Promise<void>;
}

/** A service's transactional outbox. */
export function openOutbox(deps: OutboxDeps): Outbox {
  const { pool, service, log, metrics: registry } = deps;
  const stopped = new AbortController();
  const { signal } = stopped;
  const metrics = eventMetrics(registry);
  let running: Promise<unknown> | undefined;

  const measure = async () => {
    const { pending, oldestSeconds } = await measureOutbox(pool);
    metrics.outboxPending.set(pending);
    metrics.outboxOldest.set(oldestSeconds);
    await pause(5_000, signal);
  };

  return {
    async publish(tx, type, message) {
      await insertEvent(tx, {
        ...checked(type, message),
        // Ordered by time, so that the inboxes' indexes grow at their end.
        eventId: randomUUIDv7(),
        type: type.type,
        aggregate: type.aggregate,
        source: `/antiphon/${service}`,
        traceparent: currentScope()?.traceparent,
      });
    },
    start() {
      running ??= Promise.all([
        // The pause is also how often a replica tries to become the leader.
        keepRunning({ what: "the outbox relay", log, signal, pauseMs: 500 }, () =>
          relay({ ...deps, signal }),
        ),
        keepRunning({ what: "measuring the outbox", log, signal }, measure),
      ]);
    },
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

function checked<S extends DescMessage>(type: EventType<S>, message: MessageShape<S>) {
  const key = type.key(message);
  const refuse = (why: string) => new EventError(`${type.type} cannot be published: ${why}`);
  const refuseKey = (why: string) => refuse(`${type.keyField}, its key, ${why}`);
  if (!key) throw refuseKey("is empty, and its order hangs on it");
  if (key.length > MAX_KEY_LENGTH) {
    throw refuseKey(`must be at most ${MAX_KEY_LENGTH} characters (was ${key.length})`);
  }
  if (/\p{Cc}/u.test(key)) throw refuseKey("must not contain control characters");
  // A header loses them on its way, and the event would arrive under another key.
  if (key !== key.trim()) throw refuseKey(`must not begin or end with blanks (was ${JSON.stringify(key)})`);
  const payload = toBinary(type.schema, message);
  if (payload.length > MAX_EVENT_BYTES) {
    throw refuse(`it must be at most ${MAX_EVENT_BYTES} bytes (was ${payload.length})`);
  }
  return { key, payload, subject: type.subject(key) };
}
