import type { Clock } from "@antiphon/mesh";
import { rankNeighbours } from "./co-occurrence.ts";
import type { KnownTrackStore } from "./known-track-store.ts";
import { rankAlike } from "./likeness.ts";
import { BECAUSE_SEEDS, fill, planHome, SHELF_LENGTH, type ShelfPlan } from "./shelves.ts";
import type { Positive } from "./signal.ts";
import type { TasteStore } from "./taste-store.ts";

export interface RecommenderDeps {
  readonly taste: Pick<TasteStore, "recent" | "neighbours" | "popular">;
  readonly known: Pick<KnownTrackStore, "alike" | "newest">;
  readonly clock: Clock;
}

export interface RadioRequest {
  readonly listenerId: string;
  readonly seedId: string;
  /** In the order they were played; none of them comes again. */
  readonly playedIds: readonly string[];
  readonly limit: number;
}

/** Decides what to recommend, in ids: taste first, then what is alike by tags, what is popular, what is new. */
export interface Recommender {
  home(listenerId: string): Promise<ShelfPlan[]>;
  /** Without the track itself. */
  similar(trackId: string, limit: number): Promise<string[]>;
  /** Never empty while there are tracks that were not played; what the listener skipped comes last. */
  radio(request: RadioRequest): Promise<string[]>;
}

/** So many of the latest likes are looked at for what is alike by tags; taste takes in all of them. */
const ALIKE_SEEDS = 5;
/** So many of the tracks that a radio played last steer where it goes. */
const RADIO_CONTEXT = 4;

export function recommender({ taste, known, clock }: RecommenderDeps): Recommender {
  /** What goes with all of the seeds, and with one of them, best first. Seeds come latest first. */
  async function matchesOf(seeds: readonly Positive[]) {
    const ids = idsOf(seeds);
    const [neighbours, likenesses] = await Promise.all([
      taste.neighbours(ids),
      known.alike(ids.slice(0, ALIKE_SEEDS)),
    ]);
    const isOf = (seed: Positive) => (match: { readonly seedId: string }) => match.seedId === seed.trackId;
    return {
      ofAll: [...rankNeighbours(seeds, neighbours), ...rankAlike(likenesses)],
      of: (seed: Positive) => [
        ...rankNeighbours([seed], neighbours.filter(isOf(seed))),
        ...rankAlike(likenesses.filter(isOf(seed))),
      ],
    };
  }

  /** The first tracks for these seeds that are not excluded. */
  async function pick(
    limit: number,
    seeds: readonly Positive[],
    excluded: ReadonlySet<string>,
  ): Promise<string[]> {
    const [matches, popular, newest] = await Promise.all([
      matchesOf(seeds),
      taste.popular(limit, [...excluded]),
      known.newest(limit, [...excluded]),
    ]);
    return fill(limit, excluded, matches.ofAll, popular, newest);
  }

  return {
    async home(listenerId) {
      const { positives, skippedIds } = await taste.recent(listenerId, clock.now());
      const [matches, popular, newest, untried] = await Promise.all([
        matchesOf(positives),
        taste.popular(SHELF_LENGTH),
        known.newest(SHELF_LENGTH),
        known.newest(SHELF_LENGTH, [...skippedIds, ...idsOf(positives)]),
      ]);
      const because = positives.slice(0, BECAUSE_SEEDS).map((seed) => ({ seed, matches: matches.of(seed) }));
      return planHome({ positives, skippedIds, forYou: matches.ofAll, because, popular, newest, untried });
    },

    similar: (trackId, limit) => pick(limit, [asSeed(trackId)], new Set([trackId])),

    async radio({ listenerId, seedId, playedIds, limit }) {
      const { skippedIds } = await taste.recent(listenerId, clock.now());
      const played = new Set([seedId, ...playedIds]);
      const seeds = [...new Set([...playedIds.slice(-RADIO_CONTEXT).reverse(), seedId])].map(asSeed);
      const liked = await pick(limit, seeds, new Set([...played, ...skippedIds]));
      return fill(limit, played, liked, skippedIds);
    },
  };
}

function asSeed(trackId: string): Positive {
  return { trackId, kind: "heard" };
}

function idsOf(positives: readonly Positive[]): string[] {
  return positives.map(({ trackId }) => trackId);
}
