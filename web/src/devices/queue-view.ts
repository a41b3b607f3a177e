import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  type QueueItem as QueueItemMessage,
  type QueueState,
  Repeat,
  type WatchQueueResponse,
} from "@antiphon/proto/antiphon/player/v1/queue";
import { create } from "@bufbuild/protobuf";
import type { Queue, QueueItem } from "../player/queue.ts";

/** The queue as the server tells it: what WatchQueue has said so far, put together. */
export class QueueView {
  state: QueueState | undefined;
  /** False while parts of a version are missing. */
  isWhole = false;
  private items: readonly QueueItem[] = [];
  /** When the state came, by `performance.now()`. */
  private atMs = 0;

  /** What comes first on a stream makes the items anew. */
  reset(): void {
    this.items = [];
    this.isWhole = false;
  }

  take({ state, items, more }: WatchQueueResponse): void {
    this.state = state;
    this.atMs = performance.now();
    this.isWhole = !more;
    if (items) {
      const inserted = items.inserted.map(itemOf);
      this.items = ranked(this.items.toSpliced(items.index, items.removed, ...inserted));
    }
  }

  /** Milliseconds into the current track, now. */
  get positionMs(): number {
    const { playing = false, positionMs = 0 } = this.state?.playhead ?? {};
    return playing ? positionMs + performance.now() - this.atMs : positionMs;
  }

  /** The queue for the player. */
  get queue(): Queue {
    const { playhead, repeat, shuffled = false } = this.state ?? {};
    return {
      items: this.items,
      index: this.items.findIndex(({ uid }) => uid === playhead?.itemId),
      repeat: repeat === Repeat.ALL ? "all" : repeat === Repeat.ONE ? "one" : "off",
      shuffled,
    };
  }
}

function itemOf({ itemId, trackId, origin, track }: QueueItemMessage): QueueItem {
  const unknown = () => create(TrackSchema, { id: trackId, title: "A song that is not here any more" });
  return { uid: itemId, track: track ?? unknown(), origin, rank: 0 };
}

function ranked(items: readonly QueueItem[]): QueueItem[] {
  return items.map((item, rank) => (item.rank === rank ? item : { ...item, rank }));
}
