import { event, type Outbox, on } from "@antiphon/mesh/events";
import { TrackChangedSchema, TrackRemovedSchema } from "@antiphon/proto/antiphon/catalog/v1/events";
import {
  PlaylistChangedSchema,
  PlaylistDeletedSchema,
  TrackAddedSchema,
  TrackLikedSchema,
  TrackRemovedFromPlaylistSchema,
  TrackUnlikedSchema,
} from "@antiphon/proto/antiphon/playlist/v1/events";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type pg from "pg";
import { changeCover, forgetCover } from "./cover-store.ts";
import { playlistMessage } from "./messages.ts";
import type { Change, Item } from "./playlist.ts";
import type { Head } from "./playlist-store.ts";

/** Where events are written, in the transaction of what they tell. */
export type Publisher = Pick<Outbox, "publish">;

const playlistChanged = event(PlaylistChangedSchema);
const playlistDeleted = event(PlaylistDeletedSchema);
const trackAdded = event(TrackAddedSchema);
const trackRemoved = event(TrackRemovedFromPlaylistSchema);
const trackLiked = event(TrackLikedSchema);
const trackUnliked = event(TrackUnlikedSchema);

/** Tells what the changes did, track by track, and then what the playlist is now. */
export async function publishChanges(
  outbox: Publisher,
  tx: pg.PoolClient,
  {
    head,
    authorId,
    atMs,
    before,
    changes,
  }: {
    readonly head: Head;
    readonly authorId: string;
    readonly atMs: number;
    readonly before: readonly Item[];
    readonly changes: readonly Change[];
  },
): Promise<void> {
  const common = { playlistId: head.id, listenerId: authorId, at: timestampFromMs(atMs) };
  const trackIds = new Map(before.map((item) => [item.itemId, item.trackId]));
  for (const change of changes) {
    if (change.kind === "add") {
      await outbox.publish(tx, trackAdded, create(TrackAddedSchema, { ...common, trackId: change.trackId }));
    } else if (change.kind === "remove") {
      const trackId = trackIds.get(change.itemId)!;
      await outbox.publish(tx, trackRemoved, create(TrackRemovedFromPlaylistSchema, { ...common, trackId }));
    }
  }
  const playlist = playlistMessage(head);
  await outbox.publish(tx, playlistChanged, create(PlaylistChangedSchema, { playlistId: head.id, playlist }));
}

export function publishDeleted(outbox: Publisher, tx: pg.PoolClient, playlistId: string): Promise<void> {
  return outbox.publish(tx, playlistDeleted, create(PlaylistDeletedSchema, { playlistId }));
}

export function publishLike(
  outbox: Publisher,
  tx: pg.PoolClient,
  like: {
    readonly liked: boolean;
    readonly listenerId: string;
    readonly trackId: string;
    readonly atMs: number;
  },
): Promise<void> {
  const fields = { listenerId: like.listenerId, trackId: like.trackId, at: timestampFromMs(like.atMs) };
  return like.liked
    ? outbox.publish(tx, trackLiked, create(TrackLikedSchema, fields))
    : outbox.publish(tx, trackUnliked, create(TrackUnlikedSchema, fields));
}

/**
 * What playlists follow of the catalog: covers. A track that has left it stays in playlists as an item
 * without a track, since the list is the listener's, and comes back with the track.
 */
export const catalogHandlers = [
  on(TrackChangedSchema, (message, { tx }) => changeCover(tx, message.trackId, message.track?.coverId ?? "")),
  on(TrackRemovedSchema, (message, { tx }) => forgetCover(tx, message.trackId)),
];
