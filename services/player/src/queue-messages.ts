import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  type Place as PlaceMessage,
  type QueueChange,
  type QueueItem,
  QueueItemSchema,
  type QueueState,
  QueueStateSchema,
  Repeat as RepeatMessage,
} from "@antiphon/proto/antiphon/player/v1/queue";
import { create } from "@bufbuild/protobuf";
import { asOf } from "./playhead.ts";
import type { Change, Item, Repeat } from "./queue.ts";
import type { Place } from "./queue-order.ts";
import type { QueueHead } from "./queue-rows.ts";

const REPEAT: Record<Repeat, RepeatMessage> = {
  off: RepeatMessage.OFF,
  all: RepeatMessage.ALL,
  one: RepeatMessage.ONE,
};

/** The position is the one of `nowMs`. */
export function stateMessage(head: QueueHead, nowMs: number): QueueState {
  const { deviceId, anchor, playing, positionMs } = asOf(head.playhead, idsOf(head.devices), nowMs);
  return create(QueueStateSchema, {
    version: BigInt(head.version),
    repeat: REPEAT[head.repeat],
    shuffled: head.shuffled,
    playhead: {
      itemId: head.currentId ?? "",
      positionMs: Math.min(Math.round(positionMs), 0xffff_ffff),
      playing,
      deviceId,
      anchor,
    },
    devices: head.devices.map(({ id, name }) => ({ id, name })),
  });
}

/** What the domain asks of devices: which ones there are. */
export function idsOf(devices: QueueHead["devices"]): ReadonlySet<string> {
  return new Set(devices.map(({ id }) => id));
}

/** An item, with its track where that is known. What is in a queue was playable when it got there. */
export function itemMessage(
  { itemId, trackId, origin }: Item,
  tracks: ReadonlyMap<string, Track>,
): QueueItem {
  const track = tracks.get(trackId);
  return create(QueueItemSchema, {
    itemId,
    trackId,
    origin,
    ...(track && { track: { ...track, playable: true } }),
  });
}

function placeOf(message: PlaceMessage | undefined): Place {
  switch (message?.place.case) {
    case "afterItemId":
      return { after: message.place.value };
    case "front":
      return "front";
    default:
      return "end";
  }
}

function repeatOf(message: RepeatMessage): Repeat {
  if (message === RepeatMessage.ALL) return "all";
  return message === RepeatMessage.ONE ? "one" : "off";
}

/** A change as a caller asks for it. Validation has made sure that there is one. */
export function changeOf({ change }: QueueChange): Change {
  switch (change.case) {
    case "insert":
      return { kind: "insert", items: change.value.items, place: placeOf(change.value.place) };
    case "move":
      return { kind: "move", itemId: change.value.itemId, place: placeOf(change.value.place) };
    case "remove":
      return { kind: "remove", itemIds: change.value.itemIds };
    case "clear":
      return { kind: "clear", upcoming: change.value.upcoming };
    case "jump":
      return {
        kind: "jump",
        itemId: change.value.itemId,
        fromItemId: change.value.fromItemId || undefined,
      };
    case "seek":
      return { kind: "seek", positionMs: change.value.positionMs };
    case "setPlaying":
      return { kind: "set_playing", playing: change.value.playing };
    case "setRepeat":
      return { kind: "set_repeat", repeat: repeatOf(change.value.repeat) };
    case "setShuffle":
      return { kind: "set_shuffle", shuffled: change.value.shuffled };
    case undefined:
      throw new TypeError("a change without a kind has passed validation");
  }
}
