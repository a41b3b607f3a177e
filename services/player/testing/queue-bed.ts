import { migrate, newId, openPool, serve, VersionFeed, withTransaction } from "@antiphon/mesh";
import { freshDatabase, startMesh, type TestMesh } from "@antiphon/mesh/testing";
import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { QueueService, type WatchQueueResponse } from "@antiphon/proto/antiphon/player/v1/queue";
import type { Client } from "@connectrpc/connect";
import type pg from "pg";
import { queueService } from "../src/queue-service.ts";
import { QUEUE_CHANNEL, type QueueStore, queueStore } from "../src/queue-store.ts";
import { trackStore } from "../src/track-store.ts";

/** Two replicas of the queue's service on one database, on real sockets; no broker. */
export interface QueueBed {
  readonly mesh: TestMesh;
  readonly pool: pg.Pool;
  readonly queues: QueueStore;
  /** Calls one of the replicas as this listener. */
  as(listenerId: string | undefined, replica: 0 | 1): Client<typeof QueueService>;
  /** Lets the player know a track. */
  remember(track: Track): Promise<void>;
  stop(): Promise<void>;
}

const REPLICAS = ["player-0", "player-1"];

export async function queueBed(): Promise<QueueBed> {
  const database = await freshDatabase();
  const pool = openPool(database.url);
  await migrate(pool, new URL("../migrations/", import.meta.url));
  const copies = trackStore(pool);
  const mesh = await startMesh();
  const listening: Promise<void>[] = [];
  for (const name of REPLICAS) {
    const { log, signal, clock } = mesh.deps(name);
    const queues = queueStore(pool);
    const feed = new VersionFeed({
      databaseUrl: database.url,
      channel: QUEUE_CHANNEL,
      versions: queues.versions,
      log,
      signal,
    });
    listening.push(feed.run());
    const service = queueService({ queues, copies, feed, clock, log, draining: signal });
    await mesh.add({ name, served: [serve(QueueService, service)] });
  }
  return {
    mesh,
    pool,
    queues: queueStore(pool),
    as: (id, replica) =>
      mesh.client(QueueService, {
        target: `consul:///${REPLICAS[replica]}`,
        listener: id === undefined ? undefined : { id },
      }),
    remember: (track) => withTransaction(pool, (tx) => copies.remember(tx, track)),
    async stop() {
      await mesh.stop();
      await Promise.all(listening);
      await pool.end();
      await database.drop();
    },
  };
}

/** A device that watches, and what it has been told. */
export class TestDevice {
  readonly id = newId("dev");
  readonly seen: WatchQueueResponse[] = [];
  itemIds: string[] = [];
  readonly ended: Promise<unknown>;
  readonly #stop = new AbortController();

  constructor(client: Client<typeof QueueService>, name: string) {
    this.ended = this.#watch(client, name).catch((error: unknown) => error);
  }

  get state() {
    return this.seen.at(-1)?.state;
  }

  /** The names of the devices that it knows of. */
  get names(): string[] {
    return this.state?.devices.map((device) => device.name) ?? [];
  }

  leave(): Promise<unknown> {
    this.#stop.abort();
    return this.ended;
  }

  async #watch(client: Client<typeof QueueService>, name: string): Promise<void> {
    const { signal } = this.#stop;
    for await (const update of client.watchQueue({ device: { id: this.id, name } }, { signal })) {
      const { index, removed, inserted } = update.items ?? { index: 0, removed: 0, inserted: [] };
      this.itemIds = this.itemIds.toSpliced(index, removed, ...inserted.map(({ itemId }) => itemId));
      this.seen.push(update);
    }
  }
}
