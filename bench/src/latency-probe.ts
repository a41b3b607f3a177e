import { withTransaction } from "@antiphon/mesh";
import { consume, EVENTS, on } from "@antiphon/mesh/events";
import { TrackLikedSchema } from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { AckPolicy, DeliverPolicy, jetstreamManager } from "@nats-io/jetstream";
import { type Bed, KEYS, liked, reach } from "./event-bed.ts";

/** Events a second. */
export const PROBE_RATE = 200;

export interface LatencyProbe {
  /** Milliseconds from the commit of each change to the commit of its effect, at a steady rate over many keys. */
  run(samples: number): Promise<number[]>;
  /** Publishes one event of a key. */
  publish(key: string, trackId: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A consumer of a new group, of whose effects PostgreSQL tells; it begins with what comes next.
 * @param refuse throws for a track whose event cannot be handled
 */
export async function openProbe(
  { deps, pool, outbox }: Bed,
  group: string,
  { refuse = () => {}, retryMs = 250 }: { refuse?: (trackId: string) => void; retryMs?: number } = {},
): Promise<LatencyProbe> {
  const appliedAt = new Map<string, number>();
  const listener = await pool.connect();
  listener.on("notification", ({ payload = "" }) => appliedAt.set(payload, performance.now()));
  await listener.query("LISTEN applied");
  const manager = await jetstreamManager(await deps.nats());
  await manager.consumers.add(EVENTS, {
    durable_name: group,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.New,
    filter_subject: liked.filter,
  });
  const consumer = consume({ ...deps, group, retryMs }, [
    on(TrackLikedSchema, async ({ trackId }, { tx, key, keySeq }) => {
      refuse(trackId);
      const sql = "WITH effect AS (INSERT INTO applied VALUES ($1, $2)) SELECT pg_notify('applied', $3)";
      await tx.query(sql, [key, String(keySeq), trackId]);
    }),
  ]);
  consumer.start();
  const publish = (listenerId: string, trackId: string) =>
    withTransaction(pool, (tx) =>
      outbox.publish(tx, liked, create(TrackLikedSchema, { listenerId, trackId })),
    );
  return {
    publish,
    async run(samples) {
      const committedAt = new Map<string, number>();
      const writes: Promise<void>[] = [];
      const run = performance.now();
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          const i = writes.length;
          const trackId = `sample_${run}_${i}`;
          const write = publish(`probe_${i % KEYS}`, trackId);
          writes.push(write.then(() => void committedAt.set(trackId, performance.now())));
          if (writes.length < samples) return;
          clearInterval(timer);
          resolve();
        }, 1_000 / PROBE_RATE);
      });
      await Promise.all(writes);
      const ids = Array.from(committedAt.keys());
      await reach(() => ids.every((id) => appliedAt.has(id)));
      return ids.map((id) => Math.max(0, appliedAt.get(id)! - committedAt.get(id)!));
    },
    async stop() {
      await consumer.stop();
      listener.release(true);
    },
  };
}
