import type { JsMsg } from "@nats-io/jetstream";
import { envelopeOf, MalformedEnvelope } from "./envelope.ts";
import type { Routes } from "./event-handler.ts";
import type { EventType } from "./event-type.ts";
import type { ParkedEvent } from "./parking.ts";

/** An event as it came, whose headers are well. */
export interface DeliveredEvent {
  readonly type: EventType;
  readonly event: ParkedEvent;
}

/** A message of the stream in a consumer's hand. */
export interface Delivery {
  readonly message: JsMsg;
  readonly content: DeliveredEvent | MalformedEnvelope;
}

/** Reads a message, once; what is no event of this consumer's says why. */
export function readDelivery(consumer: string, routes: Routes, message: JsMsg): Delivery {
  try {
    const envelope = envelopeOf(message);
    const type = routes.types.get(envelope.type);
    if (!type) {
      throw new MalformedEnvelope(`header ce-type "${envelope.type}" does not belong on this subject`);
    }
    const event = { consumer, aggregate: type.aggregate, envelope, payload: message.data };
    return { message, content: { type, event } };
  } catch (error) {
    if (error instanceof MalformedEnvelope) return { message, content: error };
    throw error;
  }
}

/** What keeps its order: the events of one key of an aggregate; what is no event stands alone. */
export function laneOf({ message, content }: Delivery): string {
  if (content instanceof Error) return `message ${message.seq}`;
  return `${content.event.aggregate} ${content.event.envelope.key}`;
}

/** What was delivered again stands before what came meanwhile. */
export function byKeySeq(a: Delivery, b: Delivery): number {
  return Number(keySeqOf(a) - keySeqOf(b));
}

function keySeqOf({ content }: Delivery): bigint {
  return content instanceof Error ? 0n : content.event.envelope.keySeq;
}
