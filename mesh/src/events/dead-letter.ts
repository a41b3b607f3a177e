import { DeadLetterSchema } from "@antiphon/proto/antiphon/mesh/v1/dead_letter";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { type JetStreamManager, type JsMsg, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { DEAD_LETTERS } from "./jetstream.ts";
import { MAX_EVENT_BYTES } from "./outbox.ts";

/** Where a consumer's dead letters go. */
export interface DeadLetterBox {
  /** `dlq.<service>.<consumer>`. */
  readonly subject: string;
  readonly consumer: string;
}

/** Sends an event that cannot be handled to the dead letters; resolves when the broker has it. */
export async function sendDeadLetter(
  nc: NatsConnection,
  { subject, consumer }: DeadLetterBox,
  message: JsMsg,
  error: unknown,
  attempts: number,
): Promise<void> {
  const { name, message: why, stack = "" } = error instanceof Error ? error : new Error(String(error));
  const letter = create(DeadLetterSchema, {
    consumer,
    reason: `${name}: ${why}`.slice(0, 1_000),
    stack: stack.slice(0, 4_000),
    attempts,
    subject: message.subject,
    headers: Object.fromEntries(
      Array.from(message.headers ?? [], ([key, values]) => [key, values.join(",")]),
    ),
    // What is no event of ours may be larger than one; its letter must fit all the same.
    payload: message.data.subarray(0, MAX_EVENT_BYTES),
    at: timestampNow(),
  });
  // One letter an event and consumer, also when a crash comes before the acknowledgement.
  const msgID = `${consumer}:${message.headers?.get("ce-id") || message.seq}`;
  await jetstream(nc, { timeout: 5_000 }).publish(subject, toBinary(DeadLetterSchema, letter), { msgID });
}

/** How many letters lie in a box. */
export async function countDeadLetters(
  manager: JetStreamManager,
  { subject }: DeadLetterBox,
): Promise<number> {
  const { state } = await manager.streams.info(DEAD_LETTERS, { subjects_filter: subject });
  return state.subjects?.[subject] ?? 0;
}
