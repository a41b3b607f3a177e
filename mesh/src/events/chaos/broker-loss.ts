import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { NatsServer } from "@antiphon/test/src/servers.ts";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { until } from "../../../testing/until.ts";
import { EVENTS, openJetStream } from "../jetstream.ts";

export interface BrokerLossReport {
  readonly kills: number;
  readonly acked: number;
  /** Acknowledged, and not in the stream. */
  readonly lost: number;
  /** The longest time without an acknowledgement. */
  readonly longestGapMs: number;
}

/** Kills the stream's leader again and again while events are published; reads back what was acknowledged. */
export async function brokerLoss(servers: readonly NatsServer[], kills: number): Promise<BrokerLossReport> {
  const nc = await connect({
    servers: servers.map(({ url }) => url),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  try {
    await until(() => openJetStream(nc).then(() => true), { timeoutMs: 30_000, what: "a replicated stream" });
    const publishing = keepPublishing(nc);
    for (let kill = 0; kill < kills; kill++) {
      const before = publishing.acked.size;
      await until(() => publishing.acked.size > before + 100, { timeoutMs: 30_000, what: "100 more events" });
      const leader = await leaderOf(nc, servers);
      await leader.kill();
      await leader.restart();
      await until(() => allCurrent(nc, servers.length), { timeoutMs: 30_000, what: "replicas that agree" });
    }
    const longestGapMs = await publishing.stop();
    const { acked } = publishing;
    return { kills, acked: acked.size, lost: await countMissing(nc, acked), longestGapMs };
  } finally {
    await nc.close();
  }
}

function keepPublishing(nc: NatsConnection) {
  const stream = jetstream(nc, { timeout: 2_000 });
  const acked = new Set<string>();
  let stopped = false;
  let longestGapMs = 0;
  let lastAt = performance.now();
  const loop = async () => {
    while (!stopped) {
      const id = randomUUID();
      try {
        await stream.publish("evt.chaos.broker_loss.v1.0", id, { msgID: id });
        acked.add(id);
        longestGapMs = Math.max(longestGapMs, performance.now() - lastAt);
        lastAt = performance.now();
      } catch {
        await sleep(50);
      }
    }
  };
  const loops = Array.from({ length: 16 }, loop);
  return {
    acked,
    async stop(): Promise<number> {
      stopped = true;
      await Promise.all(loops);
      return Math.round(longestGapMs);
    },
  };
}

async function leaderOf(nc: NatsConnection, servers: readonly NatsServer[]): Promise<NatsServer> {
  const name = await until(async () => {
    const { cluster } = await (await jetstreamManager(nc)).streams.info(EVENTS);
    return cluster?.leader;
  });
  // Named in the order in which they were started.
  return servers[Number(name.split("-").at(-1))]!;
}

async function allCurrent(nc: NatsConnection, servers: number): Promise<boolean> {
  const { cluster } = await (await jetstreamManager(nc)).streams.info(EVENTS);
  const others = cluster?.replicas ?? [];
  return others.length === servers - 1 && others.every(({ current, offline }) => current && !offline);
}

async function countMissing(nc: NatsConnection, acked: ReadonlySet<string>): Promise<number> {
  const { state } = await (await jetstreamManager(nc)).streams.info(EVENTS);
  const missing = new Set(acked);
  const consumer = await jetstream(nc).consumers.get(EVENTS, { headers_only: true });
  for await (const { headers, seq } of await consumer.consume()) {
    missing.delete(headers?.get("Nats-Msg-Id") ?? "");
    if (seq >= state.last_seq) break;
  }
  return missing.size;
}
