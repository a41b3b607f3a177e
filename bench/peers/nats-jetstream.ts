import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

/** What raw nats.js does in a time, and what it cost this process. */
export interface RawRate {
  readonly perSecond: number;
  readonly cpuUs: number;
}

async function timed(count: number, work: () => Promise<unknown>): Promise<RawRate> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}

/** Publishes and consumes with the JetStream client alone: no envelope, no order per key, no inbox. */
export async function rawJetStream(url: string, count: number, payload: Uint8Array, window: number) {
  const nc = await connect({ servers: url });
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "RAW", subjects: ["raw.>"] });
  const stream = jetstream(nc);
  let sent = 0;
  const publish = async () => {
    while (sent++ < count) await stream.publish("raw.bench", payload);
  };
  const published = await timed(count, () => Promise.all(Array.from({ length: window }, publish)));
  await manager.consumers.add("RAW", { durable_name: "raw", ack_policy: AckPolicy.Explicit });
  const consumer = await stream.consumers.get("RAW", "raw");
  const consumed = await timed(count, async () => {
    let seen = 0;
    for await (const message of await consumer.consume()) {
      message.ack();
      if (++seen === count) return;
    }
  });
  await manager.streams.delete("RAW");
  await nc.close();
  return { published, consumed };
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
