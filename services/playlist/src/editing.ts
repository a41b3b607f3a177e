import { fail } from "@antiphon/mesh";
import { PlaylistErrorReason } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { Code } from "@connectrpc/connect";
import type pg from "pg";
import { refuse } from "./errors.ts";
import { type Publisher, publishChanges } from "./events.ts";
import { applyChanges, type Change, type Item, itemsNamed, MAX_ITEMS, standing } from "./playlist.ts";
import {
  everAdded,
  findHead,
  findSnapshot,
  type Head,
  lockPlaylist,
  type Snapshot,
  writeChanges,
} from "./playlist-store.ts";

/** A playlist that the listener may see. Rejects `not_found` for others' private ones as for none. */
export function requireReadable<H extends Head>(
  head: H | undefined,
  playlistId: string,
  listenerId: string,
): H {
  if (!head || standing(head, listenerId) === "hidden") {
    throw refuse(PlaylistErrorReason.PLAYLIST_NOT_FOUND, playlistId, `there is no playlist ${playlistId}`);
  }
  return head;
}

/** A playlist that the listener may change. Rejects `permission_denied` for others' public ones. */
export function requireOwned<H extends Head>(head: H | undefined, playlistId: string, listenerId: string): H {
  const readable = requireReadable(head, playlistId, listenerId);
  if (standing(readable, listenerId) !== "owner") {
    throw refuse(PlaylistErrorReason.NOT_OWNER, playlistId, `only its owner changes playlist ${playlistId}`);
  }
  return readable;
}

export interface Edit {
  readonly playlistId: string;
  readonly authorId: string;
  /** The revision that the author saw; 0 means the latest. */
  readonly baseRevision: bigint;
  readonly changes: readonly Change[];
  readonly atMs: number;
}

/**
 * Merges changes into a playlist: locks its head, applies them, writes log, snapshot and events. All of
 * them or, where it rejects, none; changes that have no effect leave no trace.
 */
export async function edit(
  tx: pg.PoolClient,
  outbox: Publisher,
  { playlistId, authorId, baseRevision, changes, atMs }: Edit,
): Promise<{ readonly head: Head; readonly items: readonly Item[] }> {
  await lockPlaylist(tx, playlistId);
  const before = requireOwned(await findSnapshot(tx, playlistId), playlistId, authorId);
  if (baseRevision > before.revision) throw aheadOf(before, "base_revision", baseRevision);
  await requireKnownItems(tx, before, changes);
  const applied = applyChanges(before, changes, atMs);
  const { items } = applied.playlist;
  if (items.length > MAX_ITEMS) {
    throw refuse(
      PlaylistErrorReason.FULL,
      playlistId,
      `a playlist holds at most ${MAX_ITEMS} tracks; this would make ${items.length}`,
    );
  }
  if (applied.changes.length === 0) return { head: before, items };
  await writeChanges(tx, before, applied, authorId, atMs);
  const head = (await findHead(tx, playlistId))!;
  await publishChanges(outbox, tx, { head, authorId, atMs, before: before.items, changes: applied.changes });
  return { head, items };
}

/** The error for a revision that does not exist yet. */
export function aheadOf(head: Head, field: string, revision: bigint) {
  return fail(
    Code.InvalidArgument,
    `${field}: must be at most ${head.revision}, the latest (was ${revision})`,
  );
}

/** An item that is gone is merged over; one that never was is a caller's mistake. */
async function requireKnownItems(
  tx: pg.PoolClient,
  before: Snapshot,
  changes: readonly Change[],
): Promise<void> {
  const known = new Set(before.items.map((item) => item.itemId));
  for (const change of changes) if (change.kind === "add") known.add(change.itemId);
  const absent = new Set(changes.flatMap(itemsNamed)).difference(known);
  if (absent.size === 0) return;
  const [unknown] = absent.difference(await everAdded(tx, before.id, [...absent]));
  if (unknown === undefined) return;
  throw refuse(
    PlaylistErrorReason.ITEM_NOT_FOUND,
    unknown,
    `item ${unknown} was never in playlist ${before.id}`,
  );
}
