import { type JsMsg, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type pg from "pg";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { withTransaction } from "../database.ts";
import { keepRunning, orAborted, pause } from "../keep-running.ts";
import { processBatch } from "./batch-processor.ts";
import { countDeadLetters, sendDeadLetter } from "./dead-letter.ts";
import { byKeySeq, type Delivery, laneOf, readDelivery } from "./delivery.ts";
import { ensureConsumer } from "./durable-consumer.ts";
import { type EventHandler, routesOf } from "./event-handler.ts";
import { typeOfSubject } from "./event-type.ts";
import { predecessorsGone } from "./gap.ts";
import { pruneInbox } from "./inbox.ts";
import type { ProcessorDeps } from "./inbox-processor.ts";
import { EVENTS, openJetStream } from "./jetstream.ts";
import { Lanes } from "./lanes.ts";
import { eventMetrics } from "./metrics.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { handleRequests } from "./operator-requests.ts";
import { countParked, takeParked } from "./parking.ts";
import { subscribe } from "./subscription.ts";

export interface ConsumeDeps {
  readonly nats: () => Promise<NatsConnection>;
  /** The database that holds the effects and the tables of `eventMigrations`. */
  readonly pool: pg.Pool;
  /** Names the consumer; its replicas share the events out between them. Lower case letters, digits, dashes. */
  readonly group: string;
  /** For the subject of its dead letters, `dlq.<service>.<group>`; default the group. */
  readonly service?: string;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Stops the consumer. */
  readonly signal: AbortSignal;
  /** An event that fails as often is dead-lettered and its key parked; default 5. */
  readonly maxAttempts?: number;
  /** Wait before the second attempt, milliseconds; four times as long before each further one; default 250. */
  readonly retryMs?: number;
  /** An attempt that takes longer, milliseconds, fails and its transaction ends; default 30,000. */
  readonly timeoutMs?: number;
  /** Transactions at once, each with a connection of the pool; default 4. */
  readonly concurrency?: number;
  /** Events a transaction, each of another key, where as many wait, 1 to 500; default 1. See {@link onBatch}. */
  readonly batch?: number;
  /** After which the broker gives what a dead replica had in hand to another; default 30 s. */
  readonly ackWaitMs?: number;
}

export interface EventConsumer {
  /** Starts reading; servers that are away are waited for. */
  start(): void;
  /** Resolves when what is in hand is done. */
  stop(): Promise<void>;
  /**
   * Handles the waiting events of a parked key, in order, and lets it go. Resolves with how many; rejects
   * with the error of the first that fails again, and the key stays parked from there.
   */
  release(aggregate: string, key: string): Promise<number>;
}

/**
 * Unacknowledged messages of a group at once, where its batches ask for no more. Few, since what waits in a
 * replica's memory is moved about by its garbage collector.
 */
const MAX_ACK_PENDING = 256;
/**
 * Of them, what one replica takes at a time: enough to keep it busy, few enough that the events of one key
 * rarely lie in the hands of two.
 */
const IN_HAND = 32;
const MAX_BATCH = 500;
const MEASURE_MS = 5_000;
/** How often a consumer looks for what operators ask of it. */
const REQUESTS_MS = 1_000;

/**
 * Consumes every event of each aggregate that a handler touches, in order per key, each effect once: the
 * handler's writes, the inbox row and what it publishes are one transaction.
 */
export function consume(deps: ConsumeDeps, handlers: readonly EventHandler[]): EventConsumer {
  const { nats, pool, group, service = group, log, maxAttempts = 5, retryMs = 250, concurrency = 4 } = deps;
  const { ackWaitMs = 30_000, timeoutMs = 30_000, batch = 1 } = deps;
  if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH) {
    throw new TypeError(`batch must be a whole number from 1 to ${MAX_BATCH} (was ${batch})`);
  }
  const inHandLimit = Math.max(IN_HAND, 2 * batch * concurrency);
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(group)) {
    throw new TypeError(`group must be at most 32 lower case letters, digits and dashes (was "${group}")`);
  }
  const routes = routesOf(handlers);
  const metrics = eventMetrics(deps.metrics);
  const alone = oneAtATime();
  const box = { subject: `dlq.${service}.${group}`, consumer: group };
  const stopped = new AbortController();
  const signal = AbortSignal.any([deps.signal, stopped.signal]);
  let running: Promise<unknown> | undefined;

  const read = async () => {
    const nc = await orAborted(nats(), signal);
    const manager = await openJetStream(nc);
    const maxAckPending = Math.max(MAX_ACK_PENDING, inHandLimit);
    await ensureConsumer(manager, group, { types: routes.types, ackWaitMs, maxAckPending });
    const processor: ProcessorDeps = {
      consumer: group,
      pool,
      routes,
      log,
      metrics,
      maxAttempts,
      retryMs,
      timeoutMs,
      deadLetter: (message, error, attempts) => sendDeadLetter(nc, box, message, error, attempts),
      alone,
      predecessorsGone: (message, type) => predecessorsGone(manager, group, message, type),
    };
    const inHand = new Set<JsMsg>();
    const lanes = new Lanes<Delivery>({ concurrency, batch, order: byKeySeq }, async (deliveries) => {
      // What was not begun goes to another replica at once.
      if (signal.aborted) for (const { message } of deliveries) message.nak();
      else await processBatch(processor, deliveries);
      for (const { message } of deliveries) inHand.delete(message);
    });
    const keepAlive = setInterval(() => {
      for (const message of inHand) message.working();
    }, ackWaitMs / 3);
    try {
      const durable = await jetstream(nc).consumers.get(EVENTS, group);
      using subscription = await subscribe(nc, durable, inHandLimit, signal);
      for await (const message of subscription.messages) {
        if (!routes.types.has(typeOfSubject(message.subject))) {
          message.ack();
          continue;
        }
        const delivery = readDelivery(group, routes, message);
        inHand.add(message);
        lanes.add(laneOf(delivery), delivery);
        if (lanes.size >= inHandLimit) await lanes.room(inHandLimit);
      }
    } finally {
      await lanes.idle();
      clearInterval(keepAlive);
    }
  };

  let pruneAt = 0;
  const lookAfter = async () => {
    metrics.parkedKeys.set({ consumer: group }, await countParked(pool, group));
    if (performance.now() >= pruneAt) {
      await pruneInbox(pool, group);
      pruneAt = performance.now() + 600_000;
    }
    const manager = await openJetStream(await orAborted(nats(), signal));
    metrics.deadLetters.set({ consumer: group }, await countDeadLetters(manager, box));
    await pause(MEASURE_MS, signal);
  };

  const release = async (aggregate: string, key: string) => {
    for (let handled = 0; ; handled += 1) {
      const handleNext = async (tx: pg.PoolClient) => {
        const event = await takeParked(tx, group, aggregate, key);
        const handler = event && routes.handlers.get(event.envelope.type);
        if (handler) {
          const { envelope, payload } = event;
          await handler.apply([{ envelope, message: handler.decode(payload) }], tx);
        }
        return event !== undefined;
      };
      if (!(await withTransaction(pool, handleNext, { timeoutMs }))) return handled;
    }
  };
  const requests = () => handleRequests({ pool, consumer: group, routes, log, timeoutMs, release });

  return {
    start() {
      running ??= Promise.all([
        keepRunning({ what: `requests of consumer ${group}`, log, signal, pauseMs: REQUESTS_MS }, requests),
        keepRunning({ what: `consumer ${group}`, log, signal }, read),
        keepRunning({ what: `measuring consumer ${group}`, log, signal }, lookAfter),
      ]);
    },
    async stop() {
      stopped.abort();
      await running;
    },
    release,
  };
}
