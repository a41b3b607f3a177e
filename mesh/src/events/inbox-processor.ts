import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { JsMsg } from "@nats-io/jetstream";
import type pg from "pg";
import type { Logger } from "pino";
import { runInScope } from "../call-scope.ts";
import { isDatabaseAway, withTransaction } from "../database.ts";
import type { DeliveredEvent, Delivery } from "./delivery.ts";
import type { EventHandler, Routes } from "./event-handler.ts";
import type { EventType } from "./event-type.ts";
import { claim, countBeforehand, countFailure, forgetFailures, forgiveAttempt, remember } from "./inbox.ts";
import type { EventMetrics } from "./metrics.ts";
import { keepParked, type ParkedEvent, parkKey } from "./parking.ts";

/** What became of a delivery. */
export type Result =
  | "applied"
  | "duplicate"
  | "gap"
  | "parked"
  | "dead_letter"
  /** The handler failed and the event comes again. */
  | "retry"
  /** Something that it needs is away; the event comes again, and this attempt does not count. */
  | "postponed";

export interface ProcessorDeps {
  readonly consumer: string;
  readonly pool: pg.Pool;
  readonly routes: Routes;
  readonly log: Logger;
  readonly metrics: EventMetrics;
  readonly maxAttempts: number;
  /** Before the second attempt; each further one waits four times as long, at most 30 s. */
  readonly retryMs: number;
  /** An attempt that takes longer fails. */
  readonly timeoutMs: number;
  /** Resolves when the dead letter is safe with the broker. */
  deadLetter(message: JsMsg, error: unknown, attempts: number): Promise<void>;
  /** Runs the work with no other given to it beside it. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** True where the stream holds no earlier event of this one's key that is still to be handled. */
  predecessorsGone(message: JsMsg, type: EventType): Promise<boolean>;
}

/**
 * Whether to ask if the predecessor of an event that came too early will ever come: it costs the broker some
 * work, so at its 4th delivery, its 8th, its 16th.
 */
function asksForPredecessor({ deliveryCount }: JsMsg["info"]): boolean {
  return deliveryCount >= 4 && (deliveryCount & (deliveryCount - 1)) === 0;
}
/** An event that came too early is usually late by one round of its predecessor's. */
const MAX_GAP_MS = 250;

/** What kept an event from being handled has nothing to do with it. */
class Postponed extends Error {
  override readonly name = "Postponed";
}

/** What the broker is asked in the course of handling; its absence is not the event's fault. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new Postponed(`NATS did not answer: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Handles one delivery to its end, acknowledged or put off; never rejects. */
export async function processDelivery(deps: ProcessorDeps, delivery: Delivery): Promise<Result> {
  const { consumer, metrics } = deps;
  const startedAtMs = performance.now();
  const putOff = (error: unknown) => postpone(deps, delivery.message, error);
  const result = await settle(deps, delivery).catch(putOff);
  metrics.timesOf(consumer).processed(result, performance.now() - startedAtMs);
  if (result === "duplicate") metrics.duplicates.inc({ consumer });
  return result;
}

/** Whatever it was, the event is unharmed: it comes again. */
export function postpone({ consumer, log }: ProcessorDeps, message: JsMsg, error: unknown): Result {
  const { subject, info } = message;
  const line = { consumer, subject, reason: messageOf(error) };
  // Said of each event, but not each time: while a server is away they all come again and again.
  if (info.deliveryCount % 10 === 1) log.warn(line, "an event was put off");
  else log.debug(line, "an event was put off");
  message.nak(doubling(250, info.deliveryCount, 5_000));
  return "postponed";
}

async function settle(deps: ProcessorDeps, { message, content }: Delivery): Promise<Result> {
  // Without an envelope it has no place in any order, and stands in nobody's way.
  if (content instanceof Error) return await bury(deps, message, content);
  const { traceparent } = content.event.envelope;
  const handled = () => runInScope({ traceparent }, () => countAndApply(deps, message, content));
  return message.info.deliveryCount >= SUSPECT_FROM_DELIVERY ? await deps.alone(handled) : await handled();
}

/**
 * From this delivery on an event may be one that kills its process. Two of them are never handled at once:
 * the death is counted for each that had begun, and an innocent one must not be parked for it.
 */
const SUSPECT_FROM_DELIVERY = 3;

async function countAndApply(
  deps: ProcessorDeps,
  message: JsMsg,
  delivered: DeliveredEvent,
): Promise<Result> {
  const { pool, maxAttempts } = deps;
  const { event } = delivered;
  const attempt = message.info.redelivered ? await countBeforehand(pool, event) : 0;
  try {
    if (attempt > maxAttempts) throw new Error("its handler came to no end: the process died with it");
    return await apply(deps, message, delivered, attempt);
  } catch (error) {
    if (!isTransient(error)) return await retryOrPark(deps, message, event, error, attempt);
    if (attempt > 0) await forgiveAttempt(pool, event);
    throw error;
  }
}

async function apply(
  deps: ProcessorDeps,
  message: JsMsg,
  { type, event }: DeliveredEvent,
  attempt: number,
): Promise<Result> {
  const { consumer, pool, log, metrics, timeoutMs } = deps;
  const { envelope } = event;
  const handle = handlerOf(deps, event);
  const claimAndHandle = async (tx: pg.PoolClient, acceptGap: boolean): Promise<Result> => {
    const claimed = await claim(tx, event, acceptGap);
    if (claimed === "gap" || claimed === "duplicate") return claimed;
    if (claimed === "parked") {
      if (await keepParked(tx, event)) return "parked";
      throw new Postponed(`key ${envelope.key} was released meanwhile`);
    }
    if (claimed === "late") {
      await remember(tx, event);
      await asked(deps.deadLetter(message, new Error("it came after later events of its key"), 1));
      return "dead_letter";
    }
    if (handle instanceof Error) {
      // Sent before the commit: a crash between them sends it twice, the other order would lose it. The
      // position moves on, so the key goes on without this event.
      await asked(deps.deadLetter(message, handle, 1));
      return "dead_letter";
    }
    await handle(tx);
    if (attempt > 0) await forgetFailures(tx, event);
    return "applied";
  };
  const once = (acceptGap: boolean) =>
    withTransaction(pool, (tx) => claimAndHandle(tx, acceptGap), { timeoutMs });

  let result = await once(false);
  if (
    result === "gap" &&
    asksForPredecessor(message.info) &&
    (await asked(deps.predecessorsGone(message, type)))
  ) {
    const { key, keySeq } = envelope;
    log.warn(
      { consumer, type: type.type, key, keySeq: String(keySeq) },
      "earlier events of a key are gone; it goes on",
    );
    result = await once(true);
  }
  if (result === "gap") {
    metrics.gaps.inc({ consumer });
    message.nak(doubling(50, message.info.deliveryCount, MAX_GAP_MS));
    return result;
  }
  message.ack();
  if (result === "applied") metrics.timesOf(consumer).applied(envelope.at);
  return result;
}

/** The handler with its message; one that does nothing for a type without handler; why it is malformed. */
function handlerOf({ routes }: ProcessorDeps, { envelope, payload }: ParkedEvent) {
  const handler = routes.handlers.get(envelope.type);
  if (!handler) return async (_: pg.PoolClient) => {};
  try {
    const message = decode(handler, payload);
    return (tx: pg.PoolClient) => handler.apply([{ message, envelope }], tx);
  } catch (error) {
    return error as Error;
  }
}

/** Throws where the payload is malformed. */
export function decode(handler: EventHandler, payload: Uint8Array): Message {
  try {
    return handler.decode(payload);
  } catch (cause) {
    throw new Error(`the payload is no ${handler.type.schema.typeName}`, { cause });
  }
}

async function retryOrPark(
  deps: ProcessorDeps,
  message: JsMsg,
  event: ParkedEvent,
  error: unknown,
  attempt: number,
): Promise<Result> {
  const { consumer, pool, log, maxAttempts, retryMs } = deps;
  const attempts = attempt || (await countFailure(pool, event));
  const { type, key } = event.envelope;
  const reason = messageOf(error);
  if (attempts < maxAttempts) {
    log.warn(
      { consumer, type, key, attempts, reason },
      "an event could not be handled; it will be tried again",
    );
    message.nak(Math.min(retryMs * 4 ** (attempts - 1), 30_000));
    return "retry";
  }
  log.error({ consumer, type, key, attempts, err: error }, "an event cannot be handled; its key is parked");
  await deps.deadLetter(message, error, attempts);
  await withTransaction(pool, (tx) => parkKey(tx, event));
  message.ack();
  return "dead_letter";
}

async function bury(deps: ProcessorDeps, message: JsMsg, error: unknown): Promise<Result> {
  const reason = messageOf(error);
  deps.log.error({ consumer: deps.consumer, subject: message.subject, reason }, "a message is no event");
  await deps.deadLetter(message, error, message.info.deliveryCount);
  message.ack();
  return "dead_letter";
}

/** The event is not to blame: the database or a service that its handler called is away. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Postponed || isDatabaseAway(error)) return true;
  return (
    error instanceof ConnectError &&
    [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Canceled].includes(error.code)
  );
}

function doubling(firstMs: number, count: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** Math.min(count - 1, 10), maxMs);
}
