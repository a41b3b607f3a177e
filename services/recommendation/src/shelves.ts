import type { Positive } from "./signal.ts";

export const SHELF_LENGTH = 20;
/** The tracks that get a shelf of their own: "because you heard …". */
export const BECAUSE_SEEDS = 2;

/** The first `limit` distinct ids that are not excluded, earlier rankings first. */
export function fill(limit: number, excluded: ReadonlySet<string>, ...rankings: readonly (readonly string[])[]) {
  const picked = new Set<string>();
  for (const ranking of rankings) {
    for (const id of ranking) {
      if (picked.size >= limit) return [...picked];
      if (!excluded.has(id)) picked.add(id);
    }
  }
  return [...picked];
}

/** Everything a home page is made of, each list best first. */
export interface HomeMaterial {
  readonly positives: readonly Positive[];
  readonly skippedIds: readonly string[];
  /** What goes with all that the listener likes. */
  readonly forYou: readonly string[];
  /** What goes with one of the latest likes. */
  readonly because: ReadonlyMap<string, readonly string[]>;
  readonly popular: readonly string[];
  readonly newest: readonly string[];
}

export type ShelfPlan =
  | { readonly kind: "for-you" | "popular" | "new"; readonly trackIds: readonly string[] }
  | { readonly kind: "because"; readonly seed: Positive; readonly trackIds: readonly string[] };

/**
 * The shelves of a home page, none of them empty. Who has done nothing yet sees what is popular and new;
 * with the first liked track come what goes with it and a choice for the listener.
 */
export function planHome(material: HomeMaterial): ShelfPlan[] {
  const { positives, forYou, because, popular, newest } = material;
  const skipped = new Set(material.skippedIds);
  const known = new Set([...skipped, ...idsOf(positives)]);
  const shelves: ShelfPlan[] = [];
  if (positives.length > 0) {
    const fresh = fill(SHELF_LENGTH, known, forYou, popular, newest);
    // Who knows the whole library gets back what they liked longest ago.
    const trackIds = fresh.length > 0 ? fresh : fill(SHELF_LENGTH, skipped, idsOf(positives).reverse());
    shelves.push({ kind: "for-you", trackIds });
  }
  for (const seed of positives.slice(0, BECAUSE_SEEDS)) {
    const excluded = new Set([...skipped, seed.trackId]);
    const alike = because.get(seed.trackId) ?? [];
    shelves.push({ kind: "because", seed, trackIds: fill(SHELF_LENGTH, excluded, alike, popular, newest) });
  }
  shelves.push({ kind: "popular", trackIds: popular.slice(0, SHELF_LENGTH) });
  shelves.push({ kind: "new", trackIds: newest.slice(0, SHELF_LENGTH) });
  return shelves.filter(({ trackIds }) => trackIds.length > 0);
}

function idsOf(positives: readonly Positive[]): string[] {
  return positives.map(({ trackId }) => trackId);
}
