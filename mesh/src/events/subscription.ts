import type { Consumer, ConsumerNotification, JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { onReconnect } from "./reconnections.ts";

/** After any of these the broker may have forgotten what it owed us. */
const troubles: ReadonlySet<ConsumerNotification["type"]> = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "consumer_deleted",
  "stream_not_found",
  "no_responders",
]);

/**
 * The messages of a pull consumer until something is wrong: missed heartbeats, a consumer or stream that
 * is gone, a connection that was made anew, the signal. The caller then subscribes again from what it knows;
 * what was delivered and not read is delivered again.
 * @param ahead how many messages the broker may send before they are taken
 */
export async function* messagesOf(
  nc: NatsConnection,
  consumer: Consumer,
  ahead: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg> {
  const messages = await consumer.consume({
    max_messages: ahead,
    expires: 5_000,
    idle_heartbeat: 1_000,
    bind: true,
    abort_on_missing_resource: true,
  });
  const stop = () => messages.stop();
  const watch = async () => {
    for await (const { type } of messages.status()) if (troubles.has(type)) stop();
  };
  // Ends with the subscription; what ends it with an error is thrown by the loop below.
  watch().catch(stop);
  using _watch = onReconnect(nc, stop);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    yield* messages;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
