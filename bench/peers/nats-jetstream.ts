import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type Rate, rateOf } from "../src/rate.ts";

/** The JetStream client alone, with default options: no envelope, no order per key, no inbox. */
export interface RawJetStream {
  /** Publishes with a window of messages in flight, each of which the broker acknowledges. */
  publish(count: number, payload: Uint8Array, window: number): Promise<Rate>;
  /** Reads all that was published with a durable consumer of its own, and acknowledges each message. */
  consume(count: number): Promise<Rate>;
  close(): Promise<void>;
}

export async function openRawJetStream(url: string): Promise<RawJetStream> {
  const nc = await connect({ servers: url });
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "RAW", subjects: ["raw.>"] });
  const stream = jetstream(nc);
  let consumers = 0;
  return {
    async publish(count, payload, window) {
      let sent = 0;
      const publish = async () => {
        while (sent++ < count) await stream.publish("raw.bench", payload);
      };
      return await rateOf(count, () => Promise.all(Array.from({ length: window }, publish)));
    },
    async consume(count) {
      const durable_name = `raw-${consumers++}`;
      return await rateOf(count, async () => {
        await manager.consumers.add("RAW", { durable_name, ack_policy: AckPolicy.Explicit });
        let seen = 0;
        for await (const message of await (await stream.consumers.get("RAW", durable_name)).consume()) {
          message.ack();
          if (++seen === count) return;
        }
      });
    },
    async close() {
      await manager.streams.delete("RAW");
      await nc.close();
    },
  };
}

/** From publishing to arrival, one message at a time, at a steady rate. */
export async function rawLatency(url: string, count: number, everyMs: number): Promise<number[]> {
  const nc = await connect({ servers: url });
  await (await jetstreamManager(nc)).streams.add({ name: "RAW", subjects: ["raw.>"] });
  const consumer = await jetstream(nc).consumers.get("RAW", {});
  const tookMs: number[] = [];
  const timer = setInterval(() => nc.publish("raw.bench", String(performance.now())), everyMs);
  for await (const message of await consumer.consume()) {
    if (tookMs.push(performance.now() - Number(message.string())) === count) break;
  }
  clearInterval(timer);
  await (await jetstreamManager(nc)).streams.delete("RAW");
  await nc.close();
  return tookMs;
}
