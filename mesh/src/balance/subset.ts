import { hash32 } from "./hash.ts";

/**
 * The `size` of the endpoints that one caller uses: always the same ones, other callers others, and one that
 * comes or goes changes at most one of them. All where `size` is 0 or not smaller than the fleet.
 * Source: rendezvous hashing, Thaler and Ravishankar 1998.
 */
export function subsetOf<T>(
  endpoints: ReadonlyMap<string, T>,
  size: number,
  callerId: string,
): ReadonlyMap<string, T> {
  if (size === 0 || endpoints.size <= size) return endpoints;
  const seed = hash32(callerId);
  const ranked = [...endpoints].map(([key, value]) => ({ key, value, rank: hash32(key, seed) }));
  ranked.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
  return new Map(ranked.slice(0, size).map(({ key, value }) => [key, value]));
}
