import { hash32 } from "./hash.ts";

/** Of a caller's subset, where its zone is preferred; the rest is there for when the zone is not well. */
const NEAR_SHARE = 0.75;

export interface OrderParts<T> {
  /** How many of them the caller uses when all is well. */
  readonly size: number;
  readonly callerId: string;
  /** Whether an endpoint is in the caller's zone, where that is preferred. */
  readonly isNear?: ((endpoint: T) => boolean) | undefined;
}

/**
 * The endpoints in the order in which one caller takes them: for it always the same one, for other callers others.
 * One that comes or goes changes at most one of the first `size`. Where a zone is preferred, three quarters of these
 * are of it, as far as it has so many.
 * Source: rendezvous hashing, Thaler and Ravishankar 1998.
 */
export function orderOf<T>(
  endpoints: ReadonlyMap<string, T>,
  { size, callerId, isNear }: OrderParts<T>,
): readonly (readonly [string, T])[] {
  const seed = hash32(callerId);
  const ranked = [...endpoints].map((entry) => ({ entry, rank: hash32(entry[0], seed) }));
  ranked.sort((a, b) => a.rank - b.rank || (a.entry[0] < b.entry[0] ? -1 : 1));
  const entries = ranked.map(({ entry }) => entry);
  if (!isNear) return entries;
  const near = entries.filter(([, endpoint]) => isNear(endpoint));
  const far = entries.filter(([, endpoint]) => !isNear(endpoint));
  const nearFirst = Math.min(near.length, Math.max(Math.ceil(size * NEAR_SHARE), size - far.length));
  const farFirst = size - nearFirst;
  const rest = [...near.slice(nearFirst), ...far.slice(farFirst)];
  return [...near.slice(0, nearFirst), ...far.slice(0, farFirst), ...rest];
}

/** The `size` of the endpoints that one caller uses; all where `size` is 0 or not smaller than the fleet. */
export function subsetOf<T>(
  endpoints: ReadonlyMap<string, T>,
  size: number,
  callerId: string,
): ReadonlyMap<string, T> {
  if (size === 0 || endpoints.size <= size) return endpoints;
  return new Map(orderOf(endpoints, { size, callerId }).slice(0, size));
}
