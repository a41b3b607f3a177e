import { createHash } from "node:crypto";
import { newId, withTransaction } from "@antiphon/mesh";
import type { Pool, PoolClient } from "pg";
import type { Playhead } from "./playhead.ts";
import type { Item, Queue } from "./queue.ts";
import {
  DEVICE_LEASE_MS,
  type Device,
  lockQueue,
  type QueueHead,
  readHead,
  readQueue,
  writePlayhead,
  writeQueue,
} from "./queue-rows.ts";

/** Where versions are told to all replicas; the payload is `<version> <listener id>`. */
export const QUEUE_CHANNEL = "queue_version";

/** A command that takes effect once, however often it is sent. */
export interface Command {
  readonly listenerId: string;
  readonly key: string;
  readonly request: Uint8Array;
}

/** An idempotency key that came with another request before. */
export class KeyReusedError extends Error {
  override readonly name = "KeyReusedError";
}

/** Listeners' queues and their devices. */
export interface QueueStore {
  /**
   * Does the work, which gives the same object where it changes nothing, and resolves with the queue as it is
   * then. A command that was sent before changes nothing. Rejects `KeyReusedError`, and what the work throws.
   */
  command(command: Command, work: (queue: Queue, devices: readonly Device[]) => Queue): Promise<QueueHead>;
  /** Moves the playhead alone. `news` says whether watchers are told; undefined leaves it as it is. */
  report(
    listenerId: string,
    work: (head: QueueHead) => { readonly playhead: Playhead; readonly news: boolean } | undefined,
  ): Promise<void>;
  head(listenerId: string): Promise<QueueHead>;
  /** Head and items of one version. */
  whole(listenerId: string): Promise<{ readonly head: QueueHead; readonly items: readonly Item[] }>;
  /** The versions of the queues that there are. */
  versions(listenerIds: readonly string[]): Promise<Map<string, bigint>>;
  /** The device is there until it leaves, as long as it says so more often than every `DEVICE_LEASE_MS`. */
  enter(listenerId: string, device: Device): Promise<Presence>;
  /** Forgets commands that are older than a day. */
  forgetCommands(): Promise<void>;
}

/** That a device is there. */
export interface Presence {
  /** Says so again, and that devices which did not are gone. */
  stay(): Promise<void>;
  leave(): Promise<void>;
}

export function queueStore(pool: Pool): QueueStore {
  return {
    command: ({ listenerId, key, request }, work) =>
      withTransaction(pool, async (tx) => {
        await lockQueue(tx, listenerId);
        if (await claim(tx, listenerId, key, request)) {
          const { head, queue } = await readQueue(tx, listenerId);
          const after = work(queue, head.devices);
          if (after !== queue) {
            await writeQueue(tx, listenerId, queue, after);
            await tell(tx, listenerId);
          }
        }
        return readHead(tx, listenerId);
      }),

    report: (listenerId, work) =>
      withTransaction(pool, async (tx) => {
        await lockQueue(tx, listenerId);
        const change = work(await readHead(tx, listenerId));
        if (!change) return;
        await writePlayhead(tx, listenerId, change.playhead);
        if (change.news) await bump(tx, listenerId);
      }),

    head: (listenerId) => readHead(pool, listenerId),

    async whole(listenerId) {
      const { head, queue } = await readQueue(pool, listenerId);
      return { head, items: queue.items };
    },

    async versions(listenerIds) {
      const { rows } = await pool.query<{ listener_id: string; version: string }>(
        "SELECT listener_id, version FROM listener_queue WHERE listener_id = ANY ($1)",
        [listenerIds],
      );
      return new Map(rows.map(({ listener_id, version }) => [listener_id, BigInt(version)]));
    },

    enter: (listenerId, device) => enter(pool, listenerId, device),

    async forgetCommands() {
      await pool.query("DELETE FROM queue_command WHERE made_at < now() - interval '1 day'");
    },
  };
}

/** False where the command took effect before. */
async function claim(tx: PoolClient, listenerId: string, key: string, request: Uint8Array): Promise<boolean> {
  const hash = createHash("sha256").update(request).digest();
  const { rowCount } = await tx.query(
    `INSERT INTO queue_command (listener_id, idempotency_key, request_hash) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING`,
    [listenerId, key, hash],
  );
  if (rowCount) return true;
  const { rows } = await tx.query<{ request_hash: Buffer }>(
    "SELECT request_hash FROM queue_command WHERE listener_id = $1 AND idempotency_key = $2",
    [listenerId, key],
  );
  if (rows[0]?.request_hash.equals(hash)) return false;
  throw new KeyReusedError("idempotency_key: was used for another request; each needs its own");
}

async function enter(pool: Pool, listenerId: string, device: Device): Promise<Presence> {
  const watchId = newId("wat");
  const here = [listenerId, device.id, watchId];
  const change = (work: (tx: PoolClient) => Promise<boolean>) =>
    withTransaction(pool, async (tx) => {
      await lockQueue(tx, listenerId);
      if (await work(tx)) await bump(tx, listenerId);
    });
  await change(async (tx) => {
    await tx.query(
      `INSERT INTO queue_device (listener_id, device_id, watch_id, name) VALUES ($1, $2, $3, $4)
       ON CONFLICT (listener_id, device_id)
       DO UPDATE SET watch_id = excluded.watch_id, name = excluded.name, seen_at = now()`,
      [...here, device.name],
    );
    return true;
  });
  return {
    stay: () =>
      change(async (tx) => {
        await tx.query(
          `UPDATE queue_device SET seen_at = now()
           WHERE listener_id = $1 AND device_id = $2 AND watch_id = $3`,
          here,
        );
        const { rowCount: lost } = await tx.query(
          "DELETE FROM queue_device WHERE listener_id = $1 AND seen_at < now() - $2 * interval '1 ms'",
          [listenerId, DEVICE_LEASE_MS],
        );
        return Boolean(lost);
      }),
    leave: () =>
      change(async (tx) => {
        const { rowCount } = await tx.query(
          "DELETE FROM queue_device WHERE listener_id = $1 AND device_id = $2 AND watch_id = $3",
          here,
        );
        return Boolean(rowCount);
      }),
  };
}

async function bump(tx: PoolClient, listenerId: string): Promise<void> {
  await tx.query("UPDATE listener_queue SET version = version + 1 WHERE listener_id = $1", [listenerId]);
  await tell(tx, listenerId);
}

/** Heard by every replica when, and only when, the transaction commits. */
async function tell(tx: PoolClient, listenerId: string): Promise<void> {
  await tx.query(
    `SELECT pg_notify('${QUEUE_CHANNEL}', version || ' ' || listener_id) FROM listener_queue WHERE listener_id = $1`,
    [listenerId],
  );
}
