import { ManualClock } from "@antiphon/mesh/testing";
import { RateClass } from "@antiphon/proto/antiphon/options/v1/options";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { guesses } from "./guesses.ts";
import { defaultRates, rateLimits } from "./rate-limits.ts";
import { TokenBuckets } from "./token-buckets.ts";

const clock = new ManualClock();
const monotonic = () => clock.monotonic();

function refusalOf(call: () => void): ConnectError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

describe("a token bucket", () => {
  test("gives its burst at once and then its rate", () => {
    const buckets = new TokenBuckets({ perSecond: 2, burst: 3 }, monotonic);
    expect([1, 2, 3].map(() => buckets.take("a"))).toEqual([0, 0, 0]);
    expect(buckets.take("a")).toBe(500);
    clock.advance(500);
    expect(buckets.take("a")).toBe(0);
    expect(buckets.take("a")).toBe(500);
  });

  test("never holds more than its burst", () => {
    const buckets = new TokenBuckets({ perSecond: 100, burst: 1 }, monotonic);
    buckets.take("a");
    clock.advance(60_000);
    expect(buckets.take("a")).toBe(0);
    expect(buckets.take("a")).toBeGreaterThan(0);
  });

  test("of one key leaves those of others alone", () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, monotonic);
    buckets.take("a");
    expect(buckets.take("b")).toBe(0);
  });
});

test("who calls too often is told when to come back", () => {
  const one = { perSecond: 0.5, burst: 1 };
  const rates = { ...defaultRates, [RateClass.WRITE]: { listener: one, address: one } };
  const limits = rateLimits(monotonic, rates);
  limits.byListener(RateClass.WRITE, "lst_1");
  const refusal = refusalOf(() => limits.byListener(RateClass.WRITE, "lst_1"));
  expect(refusal?.code).toBe(Code.ResourceExhausted);
  expect(refusal?.metadata.get("retry-after")).toBe("2");
  expect(refusalOf(() => limits.byListener(RateClass.READ, "lst_1"))).toBeUndefined();
  expect(refusalOf(() => limits.byAddress(RateClass.WRITE, "lst_1"))).toBeUndefined();
});

describe("guessing passwords", () => {
  const rate = { perSecond: 0.1, burst: 2 };

  test("is slowed down by address, whatever the account", () => {
    const guard = guesses(monotonic, rate);
    for (const account of ["a@x", "b@x"]) guard.wrong("10.0.0.1", account);
    expect(refusalOf(() => guard.check("10.0.0.1", "c@x"))?.code).toBe(Code.ResourceExhausted);
    expect(refusalOf(() => guard.check("10.0.0.2", "c@x"))).toBeUndefined();
  });

  test("is slowed down by account, whatever the address and the spelling", () => {
    const guard = guesses(monotonic, rate);
    for (const address of ["10.0.0.1", "10.0.0.2"]) guard.wrong(address, "Ann@x ");
    expect(refusalOf(() => guard.check("10.0.0.3", "ann@x"))?.code).toBe(Code.ResourceExhausted);
    clock.advance(10_000);
    expect(refusalOf(() => guard.check("10.0.0.3", "ann@x"))).toBeUndefined();
  });
});
