import type { Endpoint } from "../endpoint.ts";
import { hash32 } from "../hash.ts";
import { type Choice, type ChoiceQuestion, type Chooser, settle } from "./chooser.ts";

/** Points of an endpoint of weight 1. */
const POINTS = 40;
const MOST_POINTS = 400;

/** Endpoints on a ring of hashes. Those that cannot be used now keep their place on it. */
export class Ring {
  readonly #hashes: Uint32Array;
  readonly #owners: readonly Endpoint[];

  constructor(endpoints: readonly Endpoint[]) {
    const points = endpoints.flatMap((endpoint) => {
      const count = Math.min(MOST_POINTS, Math.max(1, Math.round(POINTS * endpoint.info.weight)));
      return Array.from({ length: count }, (_, index) => ({
        hash: hash32(endpoint.info.id, index + 1),
        endpoint,
      }));
    });
    points.sort((a, b) => a.hash - b.hash);
    this.#hashes = Uint32Array.from(points, ({ hash }) => hash);
    this.#owners = points.map(({ endpoint }) => endpoint);
  }

  get size(): number {
    return this.#owners.length;
  }

  ownerAt(point: number): Endpoint {
    return this.#owners[point % this.#owners.length]!;
  }

  /** The first point at or after a hash. */
  pointOf(hash: number): number {
    let low = 0;
    let high = this.#hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface RingHashParts {
  readonly ring: Ring;
  readonly members: readonly Endpoint[];
  readonly boundedLoad: number;
  /** Of all endpoints together. */
  readonly inFlight: () => number;
  readonly keyless: Chooser;
}

/**
 * The owner of the call's key, or the next endpoint on the ring where the owner was tried or has more than
 * its part in flight. Calls without a key go to `keyless`.
 * Source: Mirrokni, Thorup, Zadimoghaddam 2016, "Consistent Hashing with Bounded Loads".
 */
export class RingHash implements Chooser {
  readonly #ring: Ring;
  readonly #members: ReadonlySet<Endpoint>;
  readonly #boundedLoad: number;
  readonly #inFlight: () => number;
  readonly #keyless: Chooser;

  constructor({ ring, members, boundedLoad, inFlight, keyless }: RingHashParts) {
    this.#ring = ring;
    this.#members = new Set(members);
    this.#boundedLoad = boundedLoad;
    this.#inFlight = inFlight;
    this.#keyless = keyless;
  }

  choose(question: ChoiceQuestion, choice: Choice): void {
    const { key, tried, nowMs } = question;
    if (key === undefined) {
      this.#keyless.choose(question, choice);
      return;
    }
    const most = this.#mostInFlight();
    const start = this.#ring.pointOf(hash32(key));
    let full: Endpoint | undefined;
    for (let step = 0; step < this.#ring.size; step++) {
      const endpoint = this.#ring.ownerAt(start + step);
      if (!this.#members.has(endpoint) || tried?.includes(endpoint)) continue;
      if (endpoint.inFlight < most) {
        settle(choice, endpoint, step === 0 ? "owner of the key" : "next to the key's owner", nowMs);
        return;
      }
      full ??= endpoint;
    }
    if (full) settle(choice, full, "owner of the key", nowMs);
  }

  #mostInFlight(): number {
    return Math.ceil((this.#boundedLoad * (this.#inFlight() + 1)) / this.#members.size);
  }
}
