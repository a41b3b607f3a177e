import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  type Change as ChangeMessage,
  type LikedTrack,
  LikedTrackSchema,
  type LoggedChange,
  LoggedChangeSchema,
  type PlaylistItem,
  PlaylistItemSchema,
  type Playlist as PlaylistMessage,
  PlaylistSchema,
  Visibility as VisibilityMessage,
} from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Like } from "./like-store.ts";
import type { Change, Item, Place, Visibility } from "./playlist.ts";
import type { Head, LogEntry } from "./playlist-store.ts";

type TracksById = ReadonlyMap<string, Track>;

export function playlistMessage(head: Head): PlaylistMessage {
  return create(PlaylistSchema, {
    id: head.id,
    ownerId: head.ownerId,
    name: head.name,
    visibility: visibilityMessage(head.visibility),
    revision: BigInt(head.revision),
    trackCount: head.trackCount,
    coverIds: [...head.coverIds],
    changedAt: timestampFromMs(head.changedAtMs),
  });
}

const NONE: TracksById = new Map();

/** An item, with its track where the catalog told of it. */
export function itemMessage({ itemId, trackId, addedAtMs }: Item, tracks = NONE): PlaylistItem {
  const addedAt = timestampFromMs(addedAtMs);
  return create(PlaylistItemSchema, { itemId, trackId, addedAt, track: tracks.get(trackId) });
}

/** A like, with its track where the catalog told of it. */
export function likeMessage({ trackId, likedAtMs }: Like, tracks: TracksById): LikedTrack {
  const likedAt = timestampFromMs(likedAtMs);
  return create(LikedTrackSchema, { trackId, likedAt, track: tracks.get(trackId) });
}

export function visibilityOf(message: VisibilityMessage): Visibility {
  return message === VisibilityMessage.PUBLIC ? "public" : "private";
}

function visibilityMessage(visibility: Visibility): VisibilityMessage {
  return visibility === "public" ? VisibilityMessage.PUBLIC : VisibilityMessage.PRIVATE;
}

/** Where a track is added: no item to go behind means the end. */
export function placeToAdd(afterItemId: string): Place {
  return afterItemId === "" ? "end" : { after: afterItemId };
}

/** A change as a caller asks for it. Validation has made sure that there is one. */
export function changeOf({ change }: ChangeMessage): Change {
  switch (change.case) {
    case "rename":
      return { kind: "rename", name: change.value.name.trim() };
    case "setVisibility":
      return { kind: "set_visibility", visibility: visibilityOf(change.value.visibility) };
    case "moveItem": {
      const { itemId, afterItemId } = change.value;
      return { kind: "move", itemId, place: afterItemId === "" ? "front" : { after: afterItemId } };
    }
    case "removeItem":
      return { kind: "remove", itemId: change.value.itemId };
    case undefined:
      throw new TypeError("a change without a kind has passed validation");
  }
}

export function logMessage({ revision, authorId, atMs, change }: LogEntry): LoggedChange {
  return create(LoggedChangeSchema, {
    revision: BigInt(revision),
    authorId,
    at: timestampFromMs(atMs),
    change: loggedChange(change),
  });
}

function loggedChange(change: Change): NonNullable<MessageInitShape<typeof LoggedChangeSchema>["change"]> {
  switch (change.kind) {
    case "rename":
      return { case: "rename", value: { name: change.name } };
    case "set_visibility":
      return { case: "setVisibility", value: { visibility: visibilityMessage(change.visibility) } };
    case "add": {
      const { itemId, trackId, place } = change;
      return { case: "addItem", value: { itemId, trackId, afterItemId: afterItemId(place) } };
    }
    case "move":
      return { case: "moveItem", value: { itemId: change.itemId, afterItemId: afterItemId(change.place) } };
    case "remove":
      return { case: "removeItem", value: { itemId: change.itemId } };
  }
}

/** The log names the item that was found there, or none at the front. */
function afterItemId(place: Place): string {
  return typeof place === "object" ? place.after : "";
}
