import { asOf, jumpedTo, type Playhead, takenBy } from "./playhead.ts";
import { type Gone, insertAt, type Place, reorder, resolve, shuffledBy } from "./queue-order.ts";

/** Most items that a queue may hold. */
export const MAX_ITEMS = 10_000;
/** Removed items whose place is remembered, for those who go behind them. */
const MAX_GONE = 1_000;

export type Repeat = "off" | "all" | "one";

/** One entry of a queue. A track may have several. */
export interface Item {
  readonly itemId: string;
  readonly trackId: string;
  readonly origin: string;
  /** The queue's version that had it first. */
  readonly addedVersion: number;
}

/** What a listener plays and is going to play. */
export interface Queue {
  readonly version: number;
  /** In the order of play. */
  readonly items: readonly Item[];
  /** Ids in the order that the listener chose; undefined while that is the order of play. */
  readonly chosen: readonly string[] | undefined;
  /** Removed lately, the latest last. */
  readonly gone: readonly Gone[];
  /** Undefined only while the queue is empty. */
  readonly currentId: string | undefined;
  readonly repeat: Repeat;
  readonly playhead: Playhead;
}

export type Change =
  | { readonly kind: "insert"; readonly items: readonly Omit<Item, "addedVersion">[]; readonly place: Place }
  | { readonly kind: "move"; readonly itemId: string; readonly place: Place }
  | { readonly kind: "remove"; readonly itemIds: readonly string[] }
  | { readonly kind: "clear"; readonly upcoming: boolean }
  | { readonly kind: "jump"; readonly itemId: string; readonly fromItemId: string | undefined }
  | { readonly kind: "seek"; readonly positionMs: number }
  | { readonly kind: "set_playing"; readonly playing: boolean }
  | { readonly kind: "set_repeat"; readonly repeat: Repeat }
  | { readonly kind: "set_shuffle"; readonly shuffled: boolean };

/** Who makes changes, when, and what they saw. */
export interface Author {
  /** Empty for a remote control, which never plays itself. */
  readonly deviceId: string;
  /** The version that they saw. */
  readonly baseVersion: number;
  /** The command's idempotency key. */
  readonly key: string;
  readonly atMs: number;
  /** The devices that are there. */
  readonly present: ReadonlySet<string>;
}

/** The queue before its first change. */
export const EMPTY: Queue = {
  version: 0,
  items: [],
  chosen: undefined,
  gone: [],
  currentId: undefined,
  repeat: "off",
  playhead: { deviceId: "", anchor: "", playing: false, positionMs: 0, atMs: 0 },
};

/**
 * Merges changes into a queue, whatever version their author saw. They name items, not indexes, so what
 * others did meanwhile stays as they wanted it: an item that is gone is left alone, one that was to go
 * behind it goes where it stood, and what the author did not see yet is not cleared. The playhead goes
 * where the last one wanted it. Gives the same object where nothing changes, else the next version.
 */
export function applyChanges(queue: Queue, changes: readonly Change[], author: Author): Queue {
  const changed = changes.reduce((before, change) => applyChange(before, change, author), queue);
  return changed === queue ? queue : { ...changed, version: queue.version + 1 };
}

function applyChange(queue: Queue, change: Change, author: Author): Queue {
  const { key, atMs } = author;
  switch (change.kind) {
    case "insert":
      return insert(queue, change.items, change.place, author);
    case "move":
      return move(queue, change.itemId, change.place);
    case "remove":
      return remove(queue, new Set(change.itemIds), author);
    case "clear":
      return remove(queue, clearable(queue, change.upcoming, author.baseVersion), author);
    case "jump": {
      const isLate = change.fromItemId !== undefined && change.fromItemId !== queue.currentId;
      if (isLate || !queue.items.some((item) => item.itemId === change.itemId)) return queue;
      const playhead = takenBy(jumpedTo(queue.playhead, key, atMs, true), author);
      return { ...queue, currentId: change.itemId, playhead };
    }
    case "seek": {
      if (queue.currentId === undefined) return queue;
      const { positionMs } = change;
      return { ...queue, playhead: { ...queue.playhead, anchor: key, positionMs, atMs } };
    }
    case "set_playing": {
      const { playing } = change;
      const now = asOf(queue.playhead, author.present, atMs);
      if (queue.currentId === undefined || now.playing === playing) return queue;
      const playhead = { ...now, anchor: key, playing };
      return { ...queue, playhead: playing ? takenBy(playhead, author) : playhead };
    }
    case "set_repeat":
      return change.repeat === queue.repeat ? queue : { ...queue, repeat: change.repeat };
    case "set_shuffle":
      return change.shuffled ? shuffle(queue, key) : unshuffle(queue);
  }
}

function insert(
  queue: Queue,
  wanted: readonly Omit<Item, "addedVersion">[],
  place: Place,
  { key, atMs }: Author,
): Queue {
  const used = new Set([...idsOf(queue), ...queue.gone.map(({ itemId }) => itemId)]);
  const added: Item[] = [];
  for (const { itemId, trackId, origin } of wanted) {
    if (used.has(itemId)) continue;
    used.add(itemId);
    added.push({ itemId, trackId, origin, addedVersion: queue.version + 1 });
  }
  const [first] = added;
  if (!first) return queue;
  const found = resolve(place, idsOf(queue), queue.gone);
  const items = insertAt(queue.items, ({ itemId }) => itemId, added, found);
  const ids = added.map(({ itemId }) => itemId);
  const chosen = queue.chosen && insertAt(queue.chosen, (id) => id, ids, found);
  if (queue.currentId !== undefined) return { ...queue, items, chosen };
  const playhead = jumpedTo(queue.playhead, key, atMs, false);
  return { ...queue, items, chosen, currentId: first.itemId, playhead };
}

function move(queue: Queue, itemId: string, place: Place): Queue {
  const from = queue.items.findIndex((item) => item.itemId === itemId);
  const item = queue.items[from];
  if (!item) return queue;
  const others = queue.items.toSpliced(from, 1);
  const found = resolve(
    place,
    others.map((other) => other.itemId),
    // An item that goes behind itself stays where it is.
    [...queue.gone, { itemId, after: queue.items[from - 1]?.itemId }],
  );
  const items = insertAt(others, (other) => other.itemId, [item], found);
  return items[from] === item ? queue : { ...queue, items };
}

function clearable({ items, currentId }: Queue, upcoming: boolean, baseVersion: number): Set<string> {
  const first = upcoming ? items.findIndex(({ itemId }) => itemId === currentId) + 1 : 0;
  const seen = items.slice(first).filter(({ addedVersion }) => addedVersion <= baseVersion);
  return new Set(seen.map(({ itemId }) => itemId));
}

function remove(queue: Queue, ids: ReadonlySet<string>, { key, atMs }: Author): Queue {
  const items = queue.items.filter(({ itemId }) => !ids.has(itemId));
  if (items.length === queue.items.length) return queue;
  const gone = [...queue.gone];
  let last: string | undefined;
  for (const { itemId } of queue.items) {
    if (ids.has(itemId)) gone.push({ itemId, after: last });
    else last = itemId;
  }
  const chosen = queue.chosen?.filter((id) => !ids.has(id));
  const rest = { ...queue, items, chosen, gone: gone.slice(-MAX_GONE) };
  if (queue.currentId === undefined || !ids.has(queue.currentId)) return rest;
  // What plays was removed: the music goes on with what follows it.
  const at = queue.items.findIndex(({ itemId }) => itemId === queue.currentId);
  const next = queue.items.slice(at).find(({ itemId }) => !ids.has(itemId));
  const playhead = jumpedTo(queue.playhead, key, atMs, queue.playhead.playing && next !== undefined);
  return { ...rest, currentId: (next ?? items.at(-1))?.itemId, playhead };
}

function shuffle(queue: Queue, seed: string): Queue {
  const at = queue.items.findIndex(({ itemId }) => itemId === queue.currentId) + 1;
  const upcoming = shuffledBy(seed, queue.items.slice(at), ({ itemId }) => itemId);
  return {
    ...queue,
    items: [...queue.items.slice(0, at), ...upcoming],
    chosen: queue.chosen ?? idsOf(queue),
  };
}

function unshuffle(queue: Queue): Queue {
  if (!queue.chosen) return queue;
  const items = reorder(queue.items, ({ itemId }) => itemId, queue.chosen);
  return { ...queue, items, chosen: undefined };
}

function idsOf(queue: Queue): string[] {
  return queue.items.map(({ itemId }) => itemId);
}
