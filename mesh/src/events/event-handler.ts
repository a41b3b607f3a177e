import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
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

/** A handler of one type of event; made with {@link on}. */
export interface EventHandler {
  readonly type: EventType;
  /** Decodes the payload; throws where it is malformed. The result runs the handler. */
  decode(payload: Uint8Array): (context: EventContext) => Promise<void>;
}

/** Handles the events of one type. A handler that throws is tried again later, with its key's order kept. */
export function on<S extends DescMessage>(
  schema: S,
  handle: (message: MessageShape<S>, context: EventContext) => Promise<void> | void,
): EventHandler {
  return {
    type: event(schema),
    decode(payload) {
      const message = fromBinary(schema, payload);
      return async (context) => handle(message, context);
    },
  };
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

/** Runs a decoded handler as part of the trace that caused the event. */
export function runHandler(
  handler: (context: EventContext) => Promise<void>,
  tx: pg.PoolClient,
  { id, key, keySeq, at, traceparent }: Envelope,
): Promise<void> {
  return runInScope({ traceparent }, () => handler({ tx, eventId: id, key, keySeq, at }));
}
