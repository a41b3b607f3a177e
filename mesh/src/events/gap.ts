import type { JetStreamManager, JsMsg } from "@nats-io/jetstream";
import { type EventType, siblings } from "./event-type.ts";
import { EVENTS } from "./jetstream.ts";

/** Messages that one look may pass; where more lie between, it says no and is asked again. */
const LOOK = 200;

/**
 * True where the stream holds no earlier event of this message's key that the consumer has not acknowledged:
 * it has expired, or was of a type that this version does not know. Since a key's events enter the stream in
 * order, it will not come any more.
 */
export async function predecessorsGone(
  manager: JetStreamManager,
  consumer: string,
  { seq, subject, headers }: JsMsg,
  type: EventType,
): Promise<boolean> {
  const { ack_floor } = await manager.consumers.info(EVENTS, consumer);
  const partition = subject.slice(subject.lastIndexOf("."));
  let looks = LOOK;
  for (const { filter } of siblings(type)) {
    const next_by_subj = filter.replace(/\.\*$/, partition);
    let from = ack_floor.stream_seq + 1;
    while (from < seq) {
      if (looks-- === 0) return false;
      const query = { seq: from, next_by_subj };
      const found = await manager.streams.getMessage(EVENTS, query);
      if (!found || found.seq >= seq) break;
      if (found.header.get("ce-subject") === headers?.get("ce-subject")) return false;
      from = found.seq + 1;
    }
  }
  return true;
}
