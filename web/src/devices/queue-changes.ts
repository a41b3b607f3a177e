import { type QueueChangeSchema, Repeat } from "@antiphon/proto/antiphon/player/v1/queue";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Queue, QueueItem } from "../player/queue.ts";

/** What is sent to ApplyQueueChanges. */
export type ChangeInit = NonNullable<MessageInitShape<typeof QueueChangeSchema>["change"]>;

const REPEAT: Record<Queue["repeat"], Repeat> = { off: Repeat.OFF, all: Repeat.ALL, one: Repeat.ONE };

/**
 * What a listener did to a queue, as changes that say the same to whoever has it: they name entries, so that
 * nothing is touched that the listener did not see. Which entry plays is left to the caller, and so is the
 * order of a shuffle to who makes it.
 */
export function changesBetween(before: Queue, after: Queue): ChangeInit[] {
  const changes: ChangeInit[] = [];
  const shuffles = before.shuffled !== after.shuffled;
  const had = new Set(before.items.map(({ uid }) => uid));
  const has = new Set(after.items.map(({ uid }) => uid));
  const removed = before.items.filter(({ uid }) => !has.has(uid)).map(({ uid }) => uid);
  if (removed.length > 0) changes.push({ case: "remove", value: { itemIds: removed } });
  const isNew = after.items.every(({ uid }) => !had.has(uid));
  if (isNew && after.shuffled) changes.push(...shuffledAnew(after));
  else {
    const kept = before.items.filter(({ uid }) => has.has(uid)).map(({ uid }) => uid);
    const wanted = after.items.filter(({ uid }) => had.has(uid)).map(({ uid }) => uid);
    if (!shuffles) changes.push(...moves(kept, wanted));
    changes.push(...insertions(after.items, had));
    if (shuffles) changes.push({ case: "setShuffle", value: { shuffled: after.shuffled } });
  }
  if (before.repeat !== after.repeat) {
    changes.push({ case: "setRepeat", value: { repeat: REPEAT[after.repeat] } });
  }
  return changes;
}

/** A new queue in the listener's order, then shuffled from the chosen item on. */
function shuffledAnew({ items, index }: Queue): ChangeInit[] {
  const chosen = items[index];
  if (!chosen) return [];
  const ordered = items.toSorted((a, b) => a.rank - b.rank);
  return [
    insertion(ordered, undefined),
    { case: "move", value: { itemId: chosen.uid, place: front } },
    { case: "jump", value: { itemId: chosen.uid } },
    { case: "setShuffle", value: { shuffled: true } },
  ];
}

const front = { place: { case: "front", value: true } } as const;
const behind = (uid: string) => ({ place: { case: "afterItemId", value: uid } }) as const;

function insertion(items: readonly QueueItem[], place: typeof front | ReturnType<typeof behind> | undefined) {
  const added = items.map(({ uid, track, origin }) => ({ itemId: uid, trackId: track.id, origin }));
  return { case: "insert", value: { items: added, ...(place && { place }) } } as const;
}

/** Each run of new entries goes behind the entry before it, and one at the end to the end. */
function insertions(items: readonly QueueItem[], had: ReadonlySet<string>): ChangeInit[] {
  const changes: ChangeInit[] = [];
  for (let start = 0; start < items.length; start++) {
    if (had.has(items[start]!.uid)) continue;
    let end = start;
    while (end < items.length && !had.has(items[end]!.uid)) end++;
    const before = items[start - 1];
    const place = end === items.length ? undefined : before ? behind(before.uid) : front;
    changes.push(insertion(items.slice(start, end), place));
    start = end;
  }
  return changes;
}

/** Moves that bring `from` into the order of `to`; one, where one entry was moved. */
function moves(from: readonly string[], to: readonly string[]): ChangeInit[] {
  const move = (uid: string): ChangeInit => {
    const before = to[to.indexOf(uid) - 1];
    return { case: "move", value: { itemId: uid, place: before === undefined ? front : behind(before) } };
  };
  const list = [...from];
  const changes: ChangeInit[] = [];
  for (const [index, wanted] of to.entries()) {
    const found = list[index]!;
    if (found === wanted) continue;
    const isBackwards = list[index + 1] === wanted;
    const uid = isBackwards ? found : wanted;
    list.splice(list.indexOf(uid), 1);
    list.splice(to.indexOf(uid), 0, uid);
    changes.push(move(uid));
  }
  return changes;
}
