import { type Positive, type Recent, SIGNAL_STRENGTH, type Signal } from "./signal.ts";

/**
 * Online item-item co-occurrence: tracks that a listener likes near each other go together, the nearer
 * the more. Weights fade by forward decay: instead of shrinking what is stored, each new weight is
 * larger than one of yesterday. So no job rewrites the tables, and sums do not depend on the order in which
 * different listeners' events come. A double holds a thousand half-lives from the landmark.
 *
 * Sources: Cormode et al. 2009, "Forward Decay"; Linden et al. 2003, "Item-to-Item Collaborative Filtering".
 */
const LANDMARK_MS = Date.UTC(2026, 0, 1);
const TASTE_HALF_LIFE_MS = 30 * 86_400_000;
const POPULARITY_HALF_LIFE_MS = 7 * 86_400_000;

/** So many of the listener's latest liked tracks are the context of the next one. */
export const CONTEXT_LENGTH = 20;
/** Each track further back in the context counts this much of the one before it. */
export const CONTEXT_DECAY = 0.85;

/** What one signal adds to the model. */
export interface Learnt {
  readonly trackId: string;
  readonly itemWeight: number;
  readonly popularity: number;
  /** With each track of the context, ordered by its id; both directions weigh the same. */
  readonly pairs: readonly { readonly otherId: string; readonly weight: number }[];
}

/** What a signal teaches, given what the listener did before it. Pure: the same input, the same lesson. */
export function learn(signal: Pick<Signal, "trackId" | "kind" | "atMs">, before: Recent): Learnt {
  const strength = SIGNAL_STRENGTH[signal.kind];
  const liked = Math.max(0, strength);
  const weight = strength * growth(signal.atMs, TASTE_HALF_LIFE_MS);
  const pairs = before.positives
    .filter(({ trackId }) => trackId !== signal.trackId)
    .slice(0, CONTEXT_LENGTH)
    .map(({ trackId }, distance) => ({ otherId: trackId, weight: weight * CONTEXT_DECAY ** distance }))
    .sort((a, b) => (a.otherId < b.otherId ? -1 : 1));
  return {
    trackId: signal.trackId,
    itemWeight: Math.max(0, weight),
    popularity: liked * growth(signal.atMs, POPULARITY_HALF_LIFE_MS),
    pairs,
  };
}

function growth(atMs: number, halfLifeMs: number): number {
  return 2 ** ((atMs - LANDMARK_MS) / halfLifeMs);
}

/** A track that goes with a seed. */
export interface Neighbour {
  readonly seedId: string;
  readonly trackId: string;
  readonly pairWeight: number;
  readonly seedWeight: number;
  readonly itemWeight: number;
}

/**
 * Ranks the neighbours of the seeds, best first: the cosine of each with each seed, summed, where a seed
 * counts by its strength and less the further back it is. Seeds come latest first.
 */
export function rankNeighbours(seeds: readonly Positive[], neighbours: readonly Neighbour[]): string[] {
  const seedWeights = new Map(
    seeds.map(({ trackId, kind }, distance) => [trackId, SIGNAL_STRENGTH[kind] * CONTEXT_DECAY ** distance]),
  );
  const scores = new Map<string, number>();
  for (const { seedId, trackId, pairWeight, seedWeight, itemWeight } of neighbours) {
    const cosine = pairWeight / Math.sqrt(seedWeight * itemWeight);
    const score = (seedWeights.get(seedId) ?? 0) * cosine;
    if (score > 0) scores.set(trackId, (scores.get(trackId) ?? 0) + score);
  }
  return [...scores].sort(([idA, a], [idB, b]) => b - a || (idA < idB ? -1 : 1)).map(([trackId]) => trackId);
}
