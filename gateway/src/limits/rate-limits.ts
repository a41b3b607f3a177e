import { RateClass } from "@antiphon/proto/antiphon/options/v1/options";
import { tooOften } from "./refusal.ts";
import { ownCounts, type SharedCounts } from "./shared-counts.ts";
import { type Rate, TokenBuckets } from "./token-buckets.ts";

/** What one listener, and one address with everybody behind it, may call. */
export interface ClassRates {
  readonly listener: Rate;
  readonly address: Rate;
}

type LimitedClass = Exclude<RateClass, RateClass.UNSPECIFIED>;

/** Far above what a page does, below what harms others. */
export const defaultRates: Readonly<Record<LimitedClass, ClassRates>> = {
  [RateClass.READ]: {
    listener: { perSecond: 200, burst: 1000 },
    address: { perSecond: 2000, burst: 10_000 },
  },
  [RateClass.WRITE]: {
    listener: { perSecond: 50, burst: 300 },
    address: { perSecond: 500, burst: 3000 },
  },
  [RateClass.SIGN_IN]: {
    listener: { perSecond: 5, burst: 50 },
    address: { perSecond: 20, burst: 300 },
  },
  [RateClass.BURST]: {
    listener: { perSecond: 100, burst: 500 },
    address: { perSecond: 1000, burst: 5000 },
  },
};

/** Limits how often a listener and an address may call, by the rate class of the contract. */
export interface RateLimits {
  /** Throws `resource_exhausted` where the address has called too often. */
  byAddress(rateClass: RateClass, address: string): void;
  /** The same for a listener. */
  byListener(rateClass: RateClass, listenerId: string): void;
}

/** @param counts shares them with other gateways; without it each counts for itself */
export function rateLimits(
  monotonic: () => number,
  rates = defaultRates,
  counts: SharedCounts = ownCounts,
): RateLimits {
  const bucketsOf = (of: keyof ClassRates) =>
    new Map(
      Object.entries(rates).map(([rateClass, rate]) => {
        const buckets = new TokenBuckets(rate[of], monotonic);
        counts.share(`${of} ${RateClass[Number(rateClass)]}`, buckets);
        return [Number(rateClass), buckets];
      }),
    );
  const addresses = bucketsOf("address");
  const listeners = bucketsOf("listener");
  const take = (buckets: Map<number, TokenBuckets>, rateClass: RateClass, key: string) => {
    const waitMs = buckets.get(rateClass || RateClass.READ)?.take(key) ?? 0;
    if (waitMs > 0) throw tooOften("too many calls, come back later", waitMs);
  };
  return {
    byAddress: (rateClass, address) => take(addresses, rateClass, address),
    byListener: (rateClass, listenerId) => take(listeners, rateClass, listenerId),
  };
}
