/** Most items that a playlist may hold. */
export const MAX_ITEMS = 10_000;

export type Visibility = "private" | "public";

/** One entry of a playlist. A track may have several. */
export interface Item {
  readonly itemId: string;
  readonly trackId: string;
  readonly addedAtMs: number;
}

/** What a log of changes adds up to. */
export interface Playlist {
  readonly name: string;
  readonly visibility: Visibility;
  readonly items: readonly Item[];
}

/** Where an item goes. Behind an item that is gone means at the end. */
export type Place = "front" | "end" | { readonly after: string };

export type Change =
  | { readonly kind: "rename"; readonly name: string }
  | { readonly kind: "set_visibility"; readonly visibility: Visibility }
  | { readonly kind: "add"; readonly itemId: string; readonly trackId: string; readonly place: Place }
  | { readonly kind: "move"; readonly itemId: string; readonly place: Place }
  | { readonly kind: "remove"; readonly itemId: string };

export interface Applied {
  readonly playlist: Playlist;
  /** What really happened, in order: without changes that had no effect, and with the places found. */
  readonly changes: readonly Change[];
}

/** The playlist before its first change. */
export const EMPTY: Playlist = { name: "", visibility: "private", items: [] };

/**
 * Merges changes into a playlist, whatever revision their author saw: they name items, not
 * positions, so an item that somebody else removed meanwhile is left alone, and one that was to
 * go behind it goes to the end. The changes in the answer, applied to the same playlist, give the
 * same result without these rules: they are what belongs in the log.
 */
export function applyChanges(playlist: Playlist, changes: readonly Change[], atMs: number): Applied {
  const effective: Change[] = [];
  let current = playlist;
  for (const change of changes) {
    const applied = applyChange(current, change, atMs);
    if (!applied) continue;
    current = applied.playlist;
    effective.push(applied.change);
  }
  return { playlist: current, changes: effective };
}

function applyChange(
  playlist: Playlist,
  change: Change,
  atMs: number,
): { readonly playlist: Playlist; readonly change: Change } | undefined {
  switch (change.kind) {
    case "rename":
      if (change.name === playlist.name) return undefined;
      return { playlist: { ...playlist, name: change.name }, change };
    case "set_visibility":
      if (change.visibility === playlist.visibility) return undefined;
      return { playlist: { ...playlist, visibility: change.visibility }, change };
    case "add": {
      if (playlist.items.some((item) => item.itemId === change.itemId)) return undefined;
      const item = { itemId: change.itemId, trackId: change.trackId, addedAtMs: atMs };
      const { items, place } = insert(playlist.items, item, change.place);
      return { playlist: { ...playlist, items }, change: { ...change, place } };
    }
    case "move": {
      const from = playlist.items.findIndex((item) => item.itemId === change.itemId);
      const item = playlist.items[from];
      // An item is already behind itself.
      if (!item || isAfter(change.place, item.itemId)) return undefined;
      const { items, place, index } = insert(playlist.items.toSpliced(from, 1), item, change.place);
      return index === from ? undefined : { playlist: { ...playlist, items }, change: { ...change, place } };
    }
    case "remove": {
      const items = playlist.items.filter((item) => item.itemId !== change.itemId);
      return items.length === playlist.items.length
        ? undefined
        : { playlist: { ...playlist, items }, change };
    }
  }
}

function insert(items: readonly Item[], item: Item, place: Place) {
  const index = indexOf(items, place);
  const before = items[index - 1];
  return {
    items: items.toSpliced(index, 0, item),
    index,
    place: before ? { after: before.itemId } : ("front" as const),
  };
}

function indexOf(items: readonly Item[], place: Place): number {
  if (place === "front") return 0;
  if (place === "end") return items.length;
  const index = items.findIndex((item) => item.itemId === place.after);
  return index < 0 ? items.length : index + 1;
}

function isAfter(place: Place, itemId: string): boolean {
  return typeof place === "object" && place.after === itemId;
}

/** The items that a change names: all of them must have been in the playlist once. */
export function itemsNamed(change: Change): string[] {
  switch (change.kind) {
    case "add":
      return afterOf(change.place);
    case "move":
      return [change.itemId, ...afterOf(change.place)];
    case "remove":
      return [change.itemId];
    default:
      return [];
  }
}

function afterOf(place: Place): string[] {
  return typeof place === "object" ? [place.after] : [];
}

/** What a listener may do with a playlist. To whom it is `hidden` it does not exist. */
export type Standing = "owner" | "reader" | "hidden";

export function standing(
  playlist: { readonly ownerId: string; readonly visibility: Visibility; readonly deleted: boolean },
  listenerId: string,
): Standing {
  if (playlist.deleted) return "hidden";
  if (playlist.ownerId === listenerId) return "owner";
  return playlist.visibility === "public" ? "reader" : "hidden";
}
