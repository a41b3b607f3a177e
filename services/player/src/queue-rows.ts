import type { Pool, PoolClient } from "pg";
import type { Playhead } from "./playhead.ts";
import type { Item, Queue, Repeat } from "./queue.ts";
import type { Gone } from "./queue-order.ts";

/** A device that is not seen for so long is not there any more. */
export const DEVICE_LEASE_MS = 45_000;

export interface Device {
  readonly id: string;
  readonly name: string;
}

/** A queue without its items, and the devices that are there. */
export interface QueueHead extends Pick<Queue, "version" | "currentId" | "repeat" | "playhead"> {
  readonly shuffled: boolean;
  /** The version of the last change of the items. */
  readonly itemsVersion: number;
  readonly devices: readonly Device[];
}

/** The pool, or the client of a transaction. */
export type Reader = Pool | PoolClient;

interface HeadRow {
  version: string;
  items_version: string;
  current_id: string | null;
  repeat: Repeat;
  shuffled: boolean;
  device_id: string;
  anchor: string;
  playing: boolean;
  position_ms: string;
  at_ms: string;
  devices: Device[];
}

interface ItemsRow {
  items: [itemId: string, trackId: string, origin: string, addedVersion: number][];
  chosen: string[] | null;
  gone: [itemId: string, after: string | null][];
}

const HEAD = `version, items_version, current_id, repeat, chosen IS NOT NULL AS shuffled,
  device_id, anchor, playing, position_ms, at_ms, (
    SELECT coalesce(json_agg(json_build_object('id', d.device_id, 'name', d.name) ORDER BY d.name, d.device_id), '[]')
    FROM queue_device d
    WHERE d.listener_id = q.listener_id AND d.seen_at > now() - interval '${DEVICE_LEASE_MS} ms') AS devices`;

const NO_HEAD: QueueHead = {
  version: 0,
  itemsVersion: 0,
  currentId: undefined,
  repeat: "off",
  shuffled: false,
  playhead: { deviceId: "", anchor: "", playing: false, positionMs: 0, atMs: 0 },
  devices: [],
};

function headOf(row: HeadRow): QueueHead {
  return {
    version: Number(row.version),
    itemsVersion: Number(row.items_version),
    currentId: row.current_id ?? undefined,
    repeat: row.repeat,
    shuffled: row.shuffled,
    playhead: {
      deviceId: row.device_id,
      anchor: row.anchor,
      playing: row.playing,
      positionMs: Number(row.position_ms),
      atMs: Number(row.at_ms),
    },
    devices: row.devices,
  };
}

/** The head of a queue, also of one that nobody has touched yet. */
export async function readHead(db: Reader, listenerId: string): Promise<QueueHead> {
  const { rows } = await db.query<HeadRow>(`SELECT ${HEAD} FROM listener_queue q WHERE listener_id = $1`, [
    listenerId,
  ]);
  return rows[0] ? headOf(rows[0]) : NO_HEAD;
}

/** Head and items of one version: one statement sees one state of the database. */
export async function readQueue(
  db: Reader,
  listenerId: string,
): Promise<{ readonly head: QueueHead; readonly queue: Queue }> {
  const { rows } = await db.query<HeadRow & ItemsRow>(
    `SELECT ${HEAD}, items, chosen, gone FROM listener_queue q WHERE listener_id = $1`,
    [listenerId],
  );
  const row = rows[0];
  const head = row ? headOf(row) : NO_HEAD;
  const { version, currentId, repeat, playhead } = head;
  const items = (row?.items ?? []).map(
    ([itemId, trackId, origin, addedVersion]): Item => ({ itemId, trackId, origin, addedVersion }),
  );
  const gone = (row?.gone ?? []).map(([itemId, after]): Gone => ({ itemId, after: after ?? undefined }));
  const chosen = row?.chosen ?? undefined;
  return { head, queue: { version, currentId, repeat, playhead, items, chosen, gone } };
}

/** Makes other changes of this queue wait for the end of the transaction, also where it is not there yet. */
export async function lockQueue(tx: PoolClient, listenerId: string): Promise<void> {
  await tx.query("INSERT INTO listener_queue (listener_id) VALUES ($1) ON CONFLICT DO NOTHING", [listenerId]);
  await tx.query("SELECT FROM listener_queue WHERE listener_id = $1 FOR UPDATE", [listenerId]);
}

/** Writes what changed: the items only where they did. */
export async function writeQueue(
  tx: PoolClient,
  listenerId: string,
  before: Queue,
  after: Queue,
): Promise<void> {
  await tx.query(
    "UPDATE listener_queue SET version = $2, current_id = $3, repeat = $4 WHERE listener_id = $1",
    [listenerId, after.version, after.currentId ?? null, after.repeat],
  );
  if (after.playhead !== before.playhead) await writePlayhead(tx, listenerId, after.playhead);
  if (after.items === before.items && after.chosen === before.chosen) return;
  await tx.query(
    "UPDATE listener_queue SET items_version = version, items = $2, chosen = $3, gone = $4 WHERE listener_id = $1",
    [
      listenerId,
      JSON.stringify(
        after.items.map(({ itemId, trackId, origin, addedVersion }) => [
          itemId,
          trackId,
          origin,
          addedVersion,
        ]),
      ),
      after.chosen ? JSON.stringify(after.chosen) : null,
      JSON.stringify(after.gone.map(({ itemId, after: behind }) => [itemId, behind ?? null])),
    ],
  );
}

export async function writePlayhead(tx: PoolClient, listenerId: string, playhead: Playhead): Promise<void> {
  const { deviceId, anchor, playing, positionMs, atMs } = playhead;
  await tx.query(
    `UPDATE listener_queue SET device_id = $2, anchor = $3, playing = $4, position_ms = $5, at_ms = $6
     WHERE listener_id = $1`,
    [listenerId, deviceId, anchor, playing, Math.round(positionMs), Math.round(atMs)],
  );
}
