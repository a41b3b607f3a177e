import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { newId } from "./new-id.ts";

/** What happens at the end of a track: `one` plays it again, `all` starts the queue over. */
export type Repeat = "off" | "all" | "one";

/** A track's place in the queue. A track may be queued more than once; `uid` tells its entries apart, everywhere. */
export interface QueueItem {
  readonly uid: string;
  readonly track: Track;
  /** Where it came from, for people: an album's title, "Radio", … */
  readonly origin: string;
  /** Its place in the order that the listener chose, which the end of a shuffle restores. */
  readonly rank: number;
}

/** What plays, what was played before it, and what comes next. Immutable; the functions below give new ones. */
export interface Queue {
  /** In the order of play. */
  readonly items: readonly QueueItem[];
  /** The current item; -1 only while the queue is empty. */
  readonly index: number;
  readonly repeat: Repeat;
  readonly shuffled: boolean;
}

/** A queue with nothing in it. */
export const emptyQueue: Queue = { items: [], index: -1, repeat: "off", shuffled: false };

/** The item that plays. */
export function currentItem(queue: Queue): QueueItem | undefined {
  return queue.items[queue.index];
}

function ranked(items: readonly QueueItem[]): QueueItem[] {
  return items.map((item, rank) => (item.rank === rank ? item : { ...item, rank }));
}

function toItems(tracks: readonly Track[], origin: string, rank: (i: number) => number): QueueItem[] {
  return tracks.map((track, i) => ({ uid: newId("itm"), track, origin, rank: rank(i) }));
}

/** Fisher–Yates with `random` in [0, 1). */
function shuffledItems(items: readonly QueueItem[], random: () => number): QueueItem[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as QueueItem, result[i] as QueueItem];
  }
  return result;
}

/** A queue of `tracks` that starts at `start`. Repeat and shuffle stay as they are. */
export function replaceQueue(
  queue: Queue,
  tracks: readonly Track[],
  start: number,
  origin: string,
  random: () => number = Math.random,
): Queue {
  const items = toItems(tracks, origin, (i) => i);
  const plain: Queue = {
    ...queue,
    items,
    index: items.length === 0 ? -1 : Math.min(Math.max(start, 0), items.length - 1),
    shuffled: false,
  };
  if (!queue.shuffled || items.length === 0) return plain;
  const first = items[plain.index] as QueueItem;
  const rest = items.filter((item) => item !== first);
  return { ...plain, items: [first, ...shuffledItems(rest, random)], index: 0, shuffled: true };
}

/** Adds tracks at the end. */
export function append(queue: Queue, tracks: readonly Track[], origin: string): Queue {
  const last = Math.max(-1, ...queue.items.map((item) => item.rank));
  const added = toItems(tracks, origin, (i) => last + 1 + i);
  return {
    ...queue,
    items: [...queue.items, ...added],
    index: queue.index === -1 && added.length > 0 ? 0 : queue.index,
  };
}

/** Adds tracks right behind the current one. */
export function insertNext(queue: Queue, tracks: readonly Track[], origin: string): Queue {
  const current = currentItem(queue);
  if (!current) return append(queue, tracks, origin);
  // Ranks between the current item's and the next whole one keep the listener's order intact.
  const added = toItems(tracks, origin, (i) => current.rank + (i + 1) / (tracks.length + 1));
  const items = queue.items.toSpliced(queue.index + 1, 0, ...added);
  const renumbered = queue.shuffled ? renumber(items) : ranked(items);
  return { ...queue, items: renumbered };
}

/** Whole ranks again, in the same order of ranks. */
function renumber(items: readonly QueueItem[]): QueueItem[] {
  const order = new Map([...items].sort((a, b) => a.rank - b.rank).map((item, rank) => [item.uid, rank]));
  return items.map((item) => ({ ...item, rank: order.get(item.uid) ?? 0 }));
}

/**
 * The index that plays next, or undefined at the end.
 * `auto` means that the track ended by itself, which is when "repeat one" repeats.
 */
export function nextIndex(queue: Queue, cause: "auto" | "listener"): number | undefined {
  if (queue.index < 0) return undefined;
  if (queue.repeat === "one" && cause === "auto") return queue.index;
  if (queue.index + 1 < queue.items.length) return queue.index + 1;
  return queue.repeat === "off" ? undefined : 0;
}

/** The index before the current one, or undefined at the start. */
export function previousIndex(queue: Queue): number | undefined {
  if (queue.index > 0) return queue.index - 1;
  return queue.repeat === "all" && queue.items.length > 0 ? queue.items.length - 1 : undefined;
}

/** Makes another item the current one. */
export function jumpTo(queue: Queue, index: number): Queue {
  return index >= 0 && index < queue.items.length ? { ...queue, index } : queue;
}

/** Moves the item at `from` to `to`; the current item stays current, wherever it ends up. */
export function moveItem(queue: Queue, from: number, to: number): Queue {
  const item = queue.items[from];
  if (!item || from === to || to < 0 || to >= queue.items.length) return queue;
  const current = currentItem(queue);
  const moved = queue.items.toSpliced(from, 1).toSpliced(to, 0, item);
  return {
    ...queue,
    items: queue.shuffled ? moved : ranked(moved),
    index: moved.findIndex((other) => other.uid === current?.uid),
  };
}

/** Takes an item out. The current one cannot be taken out: skip it instead. */
export function removeItem(queue: Queue, uid: string): Queue {
  const at = queue.items.findIndex((item) => item.uid === uid);
  if (at === -1 || at === queue.index) return queue;
  const items = queue.items.toSpliced(at, 1);
  return { ...queue, items: renumber(items), index: at < queue.index ? queue.index - 1 : queue.index };
}

/** Drops what comes after the current item. */
export function clearUpcoming(queue: Queue): Queue {
  return { ...queue, items: renumber(queue.items.slice(0, queue.index + 1)) };
}

/**
 * Shuffles what comes next, once: the order stays until shuffle is switched off, which restores the
 * order that the listener chose, with the current item still playing.
 */
export function setShuffle(queue: Queue, on: boolean, random: () => number = Math.random): Queue {
  if (on === queue.shuffled) return queue;
  const current = currentItem(queue);
  if (on) {
    const played = queue.items.slice(0, queue.index + 1);
    const upcoming = shuffledItems(queue.items.slice(queue.index + 1), random);
    return { ...queue, shuffled: true, items: [...played, ...upcoming] };
  }
  const items = [...queue.items].sort((a, b) => a.rank - b.rank);
  return { ...queue, shuffled: false, items, index: items.findIndex((item) => item.uid === current?.uid) };
}

/** off → all → one → off. */
export function cycleRepeat(queue: Queue): Queue {
  const following: Record<Repeat, Repeat> = { off: "all", all: "one", one: "off" };
  return { ...queue, repeat: following[queue.repeat] };
}

/** Whether a track stands beside another one of its album: then it is as loud as the album makes it. */
export function playsAsAlbum({ items }: Queue, trackId: string): boolean {
  return items.some(({ track }, index) => {
    const album = track.album?.id;
    if (track.id !== trackId || album === undefined) return false;
    return [items[index - 1], items[index + 1]].some((beside) => beside?.track.album?.id === album);
  });
}
