import { createHash } from "node:crypto";

/** Where items go. */
export type Place = "front" | "end" | { readonly after: string };

/** An item that was removed, and the one that it stood behind; undefined for the front. */
export interface Gone {
  readonly itemId: string;
  readonly after: string | undefined;
}

/**
 * A place among items that are there. Behind one that is gone means where it stood: behind the nearest
 * item before it that is left. Behind one that nobody remembers means at the end.
 */
export function resolve(place: Place, ids: readonly string[], gone: readonly Gone[]): Place {
  if (typeof place === "string") return place;
  const there = new Set(ids);
  const stoodBehind = new Map(gone.map(({ itemId, after }) => [itemId, after]));
  let after: string | undefined = place.after;
  while (after !== undefined && !there.has(after)) {
    if (!stoodBehind.has(after)) return "end";
    const before: string | undefined = stoodBehind.get(after);
    stoodBehind.delete(after);
    after = before;
  }
  return after === undefined ? "front" : { after };
}

/** The list with others put at a place, which names an item that is there; else they go to the end. */
export function insertAt<T>(
  list: readonly T[],
  idOf: (value: T) => string,
  added: readonly T[],
  place: Place,
): T[] {
  if (place === "front") return [...added, ...list];
  const at = place === "end" ? -1 : list.findIndex((value) => idOf(value) === place.after);
  return at < 0 ? [...list, ...added] : list.toSpliced(at + 1, 0, ...added);
}

/**
 * In an order that the seed decides: the same for the same seed, and each value's place among the others
 * does not depend on which others there are.
 */
export function shuffledBy<T>(seed: string, list: readonly T[], idOf: (value: T) => string): T[] {
  return list
    .map((value) => ({
      value,
      rank: createHash("sha256")
        .update(`${seed} ${idOf(value)}`)
        .digest("hex"),
    }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ value }) => value);
}

/** The values in the order of their ids. */
export function reorder<T>(list: readonly T[], idOf: (value: T) => string, ids: readonly string[]): T[] {
  const rank = new Map(ids.map((id, index) => [id, index]));
  return list.toSorted((a, b) => rank.get(idOf(a))! - rank.get(idOf(b))!);
}

/** What to replace, in a list, to make another one of it: everything between what both begin and end with. */
export interface Splice<T> {
  readonly index: number;
  readonly removed: number;
  readonly inserted: readonly T[];
}

/** The splice that makes `after` of `before`; undefined where they are equal. */
export function spliceBetween<T>(
  before: readonly T[],
  after: readonly T[],
  idOf: (value: T) => string,
): Splice<T> | undefined {
  const same = (a: T | undefined, b: T | undefined) =>
    a !== undefined && b !== undefined && idOf(a) === idOf(b);
  let index = 0;
  while (same(before[index], after[index])) index++;
  let kept = 0;
  while (
    kept < Math.min(before.length, after.length) - index &&
    same(before[before.length - 1 - kept], after[after.length - 1 - kept])
  )
    kept++;
  const removed = before.length - kept - index;
  const inserted = after.slice(index, after.length - kept);
  return removed === 0 && inserted.length === 0 ? undefined : { index, removed, inserted };
}
