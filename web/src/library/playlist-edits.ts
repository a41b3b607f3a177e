import type { PlaylistItem } from "@antiphon/proto/antiphon/playlist/v1/playlist";

type Items = readonly Pick<PlaylistItem, "itemId">[];

/** The id of the item behind which an item lands that moves from `from` to `to`; empty for the front. */
export function afterItemId(items: Items, from: number, to: number): string {
  const others = items.toSpliced(from, 1);
  return to <= 0 ? "" : (others[Math.min(to, others.length) - 1]?.itemId ?? "");
}

/** The items with the one at `from` moved to `to`. Places out of range leave them as they are. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const item = items[from];
  if (item === undefined || to < 0 || to >= items.length) return [...items];
  return items.toSpliced(from, 1).toSpliced(to, 0, item);
}
