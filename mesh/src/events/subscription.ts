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

export interface Subscription extends Disposable {
  /** In the order of their delivery; ends, or throws, where something is wrong. */
  readonly messages: AsyncIterable<JsMsg>;
}

/**
 * Reads a pull consumer until something is wrong: missed heartbeats, a consumer or stream that is gone, a
 * connection that was made anew, the signal. The caller then subscribes again from what it knows; what was
 * delivered and not read is delivered again.
 * @param ahead how many messages the broker may send before they are taken
 */
export async function subscribe(
  nc: NatsConnection,
  consumer: Consumer,
  ahead: number,
  signal: AbortSignal,
): Promise<Subscription> {
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
  // Ends with the subscription; what ends it with an error is thrown to who reads the messages.
  watch().catch(stop);
  const reconnection = onReconnect(nc, stop);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  return {
    messages,
    [Symbol.dispose]() {
      reconnection[Symbol.dispose]();
      signal.removeEventListener("abort", stop);
      stop();
    },
  };
}
