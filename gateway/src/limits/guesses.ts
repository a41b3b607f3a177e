import { createHash } from "node:crypto";
import { tooOften } from "./refusal.ts";
import { ownCounts, type SharedCounts } from "./shared-counts.ts";
import { type Rate, TokenBuckets } from "./token-buckets.ts";

/** Ten wrong guesses at once, then one every ten seconds. */
export const GUESS_RATE: Rate = { perSecond: 0.1, burst: 10 };

/**
 * Slows down who guesses passwords: wrong ones are counted by the address they come from and by the
 * account they are aimed at. Whoever is right pays nothing.
 */
export interface Guesses {
  /** Throws `resource_exhausted` where there were too many wrong guesses. */
  check(address: string, account: string | undefined): void;
  wrong(address: string, account: string | undefined): void;
}

/** @param counts shares them with other gateways; without it each counts for itself */
export function guesses(
  monotonic: () => number,
  rate: Rate = GUESS_RATE,
  counts: SharedCounts = ownCounts,
): Guesses {
  const addresses = new TokenBuckets(rate, monotonic);
  const accounts = new TokenBuckets(rate, monotonic);
  counts.share("guesses address", addresses);
  counts.share("guesses account", accounts);
  return {
    check(address, account) {
      const accountMs = account === undefined ? 0 : accounts.waitMs(keyOf(account));
      const waitMs = Math.max(addresses.waitMs(address), accountMs);
      if (waitMs > 0) throw tooOften("too many wrong guesses, come back later", waitMs);
    },
    wrong(address, account) {
      addresses.take(address);
      if (account !== undefined) accounts.take(keyOf(account));
    },
  };
}

/** Accounts are not kept in memory as they are, and none is longer than the other. */
function keyOf(account: string): string {
  return createHash("sha256").update(account.trim().toLowerCase()).digest("base64");
}
