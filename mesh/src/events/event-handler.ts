import { type DescMessage, fromBinary, type Message, type MessageShape } from "@bufbuild/protobuf";
import type pg from "pg";
import { runInScope } from "../call-scope.ts";
import type { Envelope } from "./envelope.ts";
import { type EventType, event, siblings } from "./event-type.ts";

/** What a handler knows of its event besides the message. */
export interface EventContext {
  /** The transaction in which the event counts as handled; write the effect with it, and publish with it. */
  readonly tx: pg.PoolClient;
  readonly eventId: string;
  readonly key: string;
  /** The event's place among those of its key, from 1. */
  readonly keySeq: bigint;
  /** When it was written. */
  readonly at: Date;
}

/** An event among those that a batch handler gets at once. */
export interface BatchedEvent<M> extends Omit<EventContext, "tx"> {
  readonly message: M;
}

/** An event whose turn it is, with its payload decoded. */
export interface TakenEvent {
  readonly envelope: Envelope;
  readonly message: Message;
}

/** A handler of one type of event; made with {@link on}, {@link onBatch} or {@link upcast}. */
export interface EventHandler {
  readonly type: EventType;
  /** Throws where the payload is malformed. */
  decode(payload: Uint8Array): Message;
  /** Handles events of this type and of different keys. */
  apply(events: readonly TakenEvent[], tx: pg.PoolClient): Promise<void>;
}

/**
 * Handles the events of one type, one at a time, as part of the trace that caused it. A handler that throws
 * or takes too long is tried again later, with its key's order kept.
 */
export function on<S extends DescMessage>(
  schema: S,
  handle: (message: MessageShape<S>, context: EventContext) => Promise<void> | void,
): EventHandler {
  return {
    type: event(schema),
    decode: (payload) => fromBinary(schema, payload),
    async apply(events, tx) {
      for (const { message, envelope } of events) {
        const { id: eventId, key, keySeq, at, traceparent } = envelope;
        await runInScope({ traceparent }, async () =>
          handle(message as MessageShape<S>, { tx, eventId, key, keySeq, at }),
        );
      }
    },
  };
}

/**
 * Handles the events of one type many at a time, each of another key, for a consumer with `batch`: one
 * statement for all their effects is what makes batches fast. A handler that throws gets them again one by one.
 */
export function onBatch<S extends DescMessage>(
  schema: S,
  handle: (
    events: readonly BatchedEvent<MessageShape<S>>[],
    context: Pick<EventContext, "tx">,
  ) => Promise<void> | void,
): EventHandler {
  return {
    type: event(schema),
    decode: (payload) => fromBinary(schema, payload),
    async apply(events, tx) {
      const batch = events.map(({ message, envelope: { id: eventId, key, keySeq, at } }) => {
        return { message: message as MessageShape<S>, eventId, key, keySeq, at };
      });
      await handle(batch, { tx });
    },
  };
}

/** Handles events of an older version as what they would be in the newer one, with the newer one's handler. */
export function upcast<Old extends DescMessage>(
  old: Old,
  toNew: (message: MessageShape<Old>) => Message,
  handler: EventHandler,
): EventHandler {
  return { ...handler, type: event(old), decode: (payload) => toNew(fromBinary(old, payload)) };
}

/** What a consumer reads: every type of each aggregate it touches, since they share one order. */
export interface Routes {
  readonly types: ReadonlyMap<string, EventType>;
  readonly handlers: ReadonlyMap<string, EventHandler>;
}

/** Throws where two handlers claim one type, or where there is none at all. */
export function routesOf(handlers: readonly EventHandler[]): Routes {
  if (handlers.length === 0) throw new TypeError("a consumer needs at least one handler");
  const byType = new Map(handlers.map((handler) => [handler.type.type, handler]));
  if (byType.size < handlers.length) throw new TypeError("a consumer takes one handler a type of event");
  const types = handlers.flatMap(({ type }) => siblings(type)).map((type) => [type.type, type] as const);
  return { types: new Map(types), handlers: byType };
}
