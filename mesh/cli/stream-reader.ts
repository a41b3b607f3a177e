import { DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { coveringFilter } from "../src/events/covering-filter.ts";
import { typeOfSubject } from "../src/events/event-type.ts";
import { EVENTS, unlessMissing } from "../src/events/jetstream.ts";
import { CommandError } from "./command.ts";

export interface StreamQuery {
  readonly since?: Date | undefined;
  /** Of events, such as "playlist.track_liked.v1"; default all. */
  readonly types?: readonly string[];
  /** Goes on with what comes, until the signal aborts; else it ends with what is there now. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** The messages of the stream of events, oldest first. Throws {@link CommandError} where there is no stream. */
export async function* readStream(nc: NatsConnection, query: StreamQuery): AsyncGenerator<JsMsg> {
  const { since, types, follow = false, signal } = query;
  const wanted = types && new Set(types);
  const info = await (await jetstreamManager(nc)).streams.info(EVENTS).catch(unlessMissing);
  if (!info) throw new CommandError(`the broker has no stream ${EVENTS}: no service has published yet`);
  const lastSeq = info.state.last_seq;
  const consumer = await jetstream(nc).consumers.get(EVENTS, {
    ...(since
      ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since.toISOString() }
      : { deliver_policy: DeliverPolicy.All }),
    ...(types ? { filter_subject: coveringFilter(types.map((type) => `evt.${type}.*`)) } : {}),
  });
  const { num_pending } = await consumer.info();
  if (num_pending === 0 && !follow) return;
  const messages = await consumer.consume({ max_messages: 200 });
  const stop = () => messages.stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    for await (const message of messages) {
      if (!follow && message.seq > lastSeq) return;
      if (!wanted || wanted.has(typeOfSubject(message.subject))) yield message;
      if (!follow && (message.seq === lastSeq || message.info.pending === 0)) return;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}
