import type { Positive } from "./signal.ts";

export const SHELF_LENGTH = 20;
/** The latest likes that get a shelf of their own: "because you listened to …". */
export const BECAUSE_SEEDS = 2;

/** The first `limit` distinct ids that are not excluded, earlier rankings first. */
export function fill(
  limit: number,
  excluded: ReadonlySet<string>,
  ...rankings: readonly (readonly string[])[]
): string[] {
  const picked = new Set<string>();
  for (const id of rankings.flat()) {
    if (picked.size >= limit) break;
    if (!excluded.has(id)) picked.add(id);
  }
  return [...picked];
}

/** Everything a home page is made of, each list best first. */
export interface HomeMaterial {
  /** What the listener likes, latest first. */
  readonly positives: readonly Positive[];
  readonly skippedIds: readonly string[];
  /** What goes with all that the listener likes. */
  readonly forYou: readonly string[];
  /** What goes with each of the latest likes. */
  readonly because: readonly { readonly seed: Positive; readonly matches: readonly string[] }[];
  readonly popular: readonly string[];
  readonly newest: readonly string[];
  /** New tracks that the listener neither liked nor skipped lately. */
  readonly untried: readonly string[];
}

export type ShelfPlan =
  | { readonly kind: "for-you" | "popular" | "new"; readonly trackIds: readonly string[] }
  | { readonly kind: "because"; readonly seed: Positive; readonly trackIds: readonly string[] };

/**
 * The shelves of a home page, none of them empty. Who has done nothing yet sees what is popular and new;
 * with the first liked track come what goes with it and a choice for the listener.
 */
export function planHome(material: HomeMaterial): ShelfPlan[] {
  const { positives, skippedIds, because, popular, newest, untried } = material;
  const skipped = new Set(skippedIds);
  const shelves: ShelfPlan[] = [];
  if (positives.length > 0) shelves.push({ kind: "for-you", trackIds: forYou(material) });
  for (const { seed, matches } of because) {
    const excluded = new Set([...skipped, seed.trackId]);
    shelves.push({
      kind: "because",
      seed,
      trackIds: fill(SHELF_LENGTH, excluded, matches, popular, untried),
    });
  }
  shelves.push({ kind: "popular", trackIds: popular.slice(0, SHELF_LENGTH) });
  shelves.push({ kind: "new", trackIds: newest.slice(0, SHELF_LENGTH) });
  return shelves.filter(({ trackIds }) => trackIds.length > 0);
}

/** What the listener did not just hear or skip; who knows the whole library gets back the oldest likes. */
function forYou({ positives, skippedIds, forYou: matches, popular, untried }: HomeMaterial): string[] {
  const likedIds = positives.map(({ trackId }) => trackId);
  const fresh = fill(SHELF_LENGTH, new Set([...skippedIds, ...likedIds]), matches, popular, untried);
  return fresh.length > 0 ? fresh : fill(SHELF_LENGTH, new Set(skippedIds), likedIds.reverse());
}
