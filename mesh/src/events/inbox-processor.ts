import { Code, ConnectError } from "@connectrpc/connect";
import type { JsMsg } from "@nats-io/jetstream";
import type pg from "pg";
import type { Logger } from "pino";
import { isDatabaseAway, withTransaction } from "../database.ts";
import { type Envelope, fromHeaders, MalformedEnvelope } from "./envelope.ts";
import { type EventContext, type Routes, runHandler } from "./event-handler.ts";
import type { EventType } from "./event-type.ts";
import { claim, countFailure, remember } from "./inbox.ts";
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
  /** Resolves when the dead letter is safe with the broker. */
  deadLetter(message: JsMsg, error: unknown, attempts: number): Promise<void>;
  /** True where the stream holds no earlier event of this one's key that is still to be handled. */
  predecessorsGone(message: JsMsg, type: EventType): Promise<boolean>;
}

/** Deliveries of an event that came too early before we ask whether its predecessor will ever come. */
const PATIENCE = 3;

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
export async function processDelivery(deps: ProcessorDeps, message: JsMsg): Promise<Result> {
  const { consumer, log, metrics } = deps;
  const stopTimer = metrics.process.startTimer({ consumer });
  let result: Result;
  try {
    result = await settle(deps, message);
  } catch (error) {
    // Whatever it was, the event is unharmed: it comes again.
    const { subject, info } = message;
    const line = { consumer, subject, reason: messageOf(error) };
    // Said of each event, but not each time: while a server is away they all come again and again.
    if (info.deliveryCount % 10 === 1) log.warn(line, "an event was put off");
    else log.debug(line, "an event was put off");
    message.nak(doubling(250, info.deliveryCount, 5_000));
    result = "postponed";
  }
  stopTimer({ result });
  if (result === "duplicate") metrics.duplicates.inc({ consumer });
  return result;
}

async function settle(deps: ProcessorDeps, message: JsMsg): Promise<Result> {
  const { consumer, routes } = deps;
  let envelope: Envelope;
  let type: EventType | undefined;
  try {
    envelope = fromHeaders(message.headers);
    type = routes.types.get(envelope.type);
    if (!type)
      throw new MalformedEnvelope(`header ce-type "${envelope.type}" does not belong on this subject`);
  } catch (error) {
    // Without an envelope it has no place in any order, and stands in nobody's way.
    return await bury(deps, message, error);
  }
  const event = { consumer, aggregate: type.aggregate, envelope, payload: message.data };
  try {
    return await apply(deps, message, type, event);
  } catch (error) {
    if (isTransient(error)) throw error;
    return await retryOrPark(deps, message, event, error);
  }
}

async function apply(
  deps: ProcessorDeps,
  message: JsMsg,
  type: EventType,
  event: ParkedEvent,
): Promise<Result> {
  const { consumer, pool, log, metrics } = deps;
  const { envelope } = event;
  const handle = decode(deps, event);
  const tooEarly = message.info.deliveryCount >= PATIENCE;
  const once = (acceptGap: boolean) =>
    withTransaction(pool, async (tx): Promise<Result> => {
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
      await runHandler(handle, tx, envelope);
      return "applied";
    });

  let result = await once(false);
  if (result === "gap" && tooEarly && (await asked(deps.predecessorsGone(message, type)))) {
    const { key, keySeq } = envelope;
    log.warn(
      { consumer, type: type.type, key, keySeq: String(keySeq) },
      "earlier events of a key are gone; it goes on",
    );
    result = await once(true);
  }
  if (result === "gap") {
    metrics.gaps.inc({ consumer });
    message.nak(doubling(50, message.info.deliveryCount, 1_000));
    return result;
  }
  message.ack();
  if (result === "applied") {
    metrics.endToEnd.observe({ consumer }, Math.max(0, Date.now() - envelope.at.getTime()) / 1_000);
  }
  return result;
}

/** The handler with its message; one that does nothing for a type without handler; why it is malformed. */
function decode({ routes }: ProcessorDeps, { envelope, payload }: ParkedEvent) {
  const handler = routes.handlers.get(envelope.type);
  if (!handler) return async (_: EventContext) => {};
  try {
    return handler.decode(payload);
  } catch (error) {
    return new Error(`the payload is no ${handler.type.schema.typeName}`, { cause: error });
  }
}

async function retryOrPark(
  deps: ProcessorDeps,
  message: JsMsg,
  event: ParkedEvent,
  error: unknown,
): Promise<Result> {
  const { consumer, pool, log, maxAttempts, retryMs } = deps;
  const attempts = await countFailure(pool, event);
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
function isTransient(error: unknown): boolean {
  if (error instanceof Postponed || isDatabaseAway(error)) return true;
  return (
    error instanceof ConnectError &&
    [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Canceled].includes(error.code)
  );
}

function doubling(firstMs: number, count: number, maxMs: number): number {
  return Math.min(firstMs * 2 ** Math.min(count - 1, 10), maxMs);
}
