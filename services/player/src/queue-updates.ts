import type { Clock } from "@antiphon/mesh";
import { type WatchQueueResponse, WatchQueueResponseSchema } from "@antiphon/proto/antiphon/player/v1/queue";
import { create } from "@bufbuild/protobuf";
import type { Item } from "./queue.ts";
import { itemMessage, stateMessage } from "./queue-messages.ts";
import { type Splice, spliceBetween } from "./queue-order.ts";
import type { QueueStore } from "./queue-store.ts";
import type { TrackStore } from "./track-store.ts";

/** Items in one message: their tracks make it some hundred kilobytes at most. */
const CHUNK = 500;

export interface UpdateDeps {
  readonly queues: Pick<QueueStore, "head" | "whole">;
  readonly copies: Pick<TrackStore, "find">;
  readonly clock: Clock;
}

/** What a watcher has been told of a queue so far, and how to tell it the rest. */
export class QueueUpdates {
  readonly #deps: UpdateDeps;
  readonly #listenerId: string;
  #items: readonly Item[] = [];
  /** Before the first one, so that even an empty queue is told. */
  #itemsVersion = -1;

  constructor(deps: UpdateDeps, listenerId: string) {
    this.#deps = deps;
    this.#listenerId = listenerId;
  }

  /** The queue as it is now, as a change of what was told before. */
  async *next(): AsyncGenerator<WatchQueueResponse, void, undefined> {
    const { queues, copies, clock } = this.#deps;
    let head = await queues.head(this.#listenerId);
    let splice: Splice<Item> | undefined;
    if (head.itemsVersion !== this.#itemsVersion) {
      const whole = await queues.whole(this.#listenerId);
      head = whole.head;
      splice = spliceBetween(this.#items, whole.items, ({ itemId }) => itemId);
      if (this.#itemsVersion < 0) splice ??= { index: 0, removed: 0, inserted: [] };
      this.#items = whole.items;
      this.#itemsVersion = head.itemsVersion;
    }
    if (!splice) {
      yield create(WatchQueueResponseSchema, { state: stateMessage(head, clock.now()) });
      return;
    }
    const { index, removed, inserted } = splice;
    for (let from = 0; from === 0 || from < inserted.length; from += CHUNK) {
      const chunk = inserted.slice(from, from + CHUNK);
      const tracks = await copies.find([...new Set(chunk.map(({ trackId }) => trackId))]);
      yield create(WatchQueueResponseSchema, {
        state: stateMessage(head, clock.now()),
        items: {
          index: index + from,
          removed: from === 0 ? removed : 0,
          inserted: chunk.map((item) => itemMessage(item, tracks)),
        },
        more: from + CHUNK < inserted.length,
      });
    }
  }
}
