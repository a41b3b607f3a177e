import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../testing/manual-clock.ts";
import { Balancer } from "./balancer.ts";
import { noLag } from "./caller-lag.ts";
import type { Endpoint } from "./endpoint.ts";

const SLOW_START_MS = 10_000;

const balancers: Balancer[] = [];

afterEach(() => {
  for (const balancer of balancers.splice(0)) balancer.close();
});

/** Lehmer's generator: the same picks in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A caller with the default settings in virtual time: each call takes half to one and a half of `meanMs`. */
class Caller {
  meanMs = 5;
  readonly balancer: Balancer;
  readonly #clock = new ManualClock();
  readonly #random: () => number;
  /** By when they end. */
  #running: { readonly endsAtMs: number; readonly end: () => void }[] = [];

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.balancer = new Balancer({ clock: this.#clock, random: this.#random, lag: noLag });
    balancers.push(this.balancer);
  }

  /** Endpoints with these weights, all connected. */
  discover(weights: readonly number[]): void {
    const { added } = this.balancer.update(
      weights.map((weight, index) => ({
        id: String(index),
        host: "h",
        port: 1,
        version: "1",
        zone: "z",
        weight,
      })),
    );
    for (const endpoint of added) this.balancer.setLink(endpoint, "ready");
  }

  /** Calls evenly spread over so long; which part of them each endpoint got, by id. */
  call(perSecond: number, forMs: number): number[] {
    const before = this.balancer.endpoints.map(({ picks }) => picks);
    const calls = Math.round((perSecond * forMs) / 1_000);
    for (let count = 0; count < calls; count++) {
      this.#pass(1_000 / perSecond);
      const nowMs = this.#clock.monotonic();
      this.#begin(this.balancer.pick(nowMs)!, nowMs);
    }
    return this.balancer.endpoints.map(({ picks }, index) => (picks - before[index]!) / calls);
  }

  #begin(endpoint: Endpoint, nowMs: number): void {
    const ticket = endpoint.begin(nowMs, true);
    const tookMs = this.meanMs * (0.5 + this.#random());
    const endsAtMs = nowMs + tookMs;
    const end = () => endpoint.end("success", tookMs, endsAtMs, ticket);
    const later = this.#running.findLastIndex((one) => one.endsAtMs <= endsAtMs);
    this.#running.splice(later + 1, 0, { endsAtMs, end });
  }

  #pass(ms: number): void {
    this.#clock.advance(ms);
    while (this.#running[0] && this.#running[0].endsAtMs <= this.#clock.monotonic()) {
      this.#running.shift()!.end();
    }
  }
}

interface Case {
  readonly veterans: number;
  readonly newcomers: number;
  readonly perSecond: number;
  readonly meanMs: number;
}

/** In each second of its slow start, which part of calls the newcomers got; the mean of several runs. */
function partsOf({ veterans, newcomers, perSecond, meanMs }: Case): number[] {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  const parts = new Array<number>(SLOW_START_MS / 1_000).fill(0);
  for (const seed of seeds) {
    const caller = new Caller(seed);
    caller.meanMs = meanMs;
    caller.discover(new Array<number>(veterans).fill(1));
    caller.call(perSecond, SLOW_START_MS + 2_000);
    caller.discover(new Array<number>(veterans + newcomers).fill(1));
    for (const second of parts.keys()) {
      const got = caller.call(perSecond, 1_000).slice(veterans);
      parts[second]! += got.reduce((sum, part) => sum + part, 0) / seeds.length;
    }
  }
  return parts;
}

const meanOf = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0) / parts.length;

describe("while it warms up, a newcomer's part of the calls grows with its share", () => {
  test.each<readonly [string, Case]>([
    ["next to one that is idle", { veterans: 1, newcomers: 1, perSecond: 100, meanMs: 5 }],
    ["next to three that are idle", { veterans: 3, newcomers: 1, perSecond: 100, meanMs: 5 }],
    ["in an idle fleet that doubles", { veterans: 5, newcomers: 5, perSecond: 200, meanMs: 5 }],
    ["next to one with calls in flight", { veterans: 1, newcomers: 1, perSecond: 500, meanMs: 20 }],
    ["next to three that are busy", { veterans: 3, newcomers: 1, perSecond: 800, meanMs: 200 }],
    ["in a busy fleet that doubles", { veterans: 5, newcomers: 5, perSecond: 1_000, meanMs: 200 }],
  ])("%s", (_, fleet) => {
    const { veterans, newcomers } = fleet;
    const parts = partsOf(fleet);
    // By share: a tenth at first, all of it at the end.
    const due = parts.map((_, second) => {
      const shares = newcomers * Math.max(0.1, (second + 0.5) / parts.length);
      return shares / (shares + veterans);
    });
    expect(meanOf(parts) / meanOf(due)).toBeGreaterThan(0.85);
    expect(meanOf(parts) / meanOf(due)).toBeLessThan(1.15);
    const thirds = [parts.slice(0, 3), parts.slice(3, 6), parts.slice(6)].map(meanOf);
    expect(thirds.toSorted((a, b) => a - b)).toEqual(thirds);
    // Five probes tell how fast a newcomer is.
    const probes = (5 * newcomers) / fleet.perSecond;
    for (const [second, part] of parts.entries()) expect(part).toBeLessThan(1.6 * due[second]! + probes);
  });
});

test("next to one that has fallen silent, a newcomer gets the calls at once", () => {
  const caller = new Caller(1);
  caller.discover([1]);
  caller.call(100, SLOW_START_MS + 2_000);
  caller.discover([1, 1]);
  caller.call(100, 100);
  const [silent, newcomer] = caller.balancer.endpoints;
  silent!.begin(12_100, true);
  for (let count = 0; count < 100; count++) expect(caller.balancer.pick(12_300)).toBe(newcomer);
});

test("weights are kept to also where nobody has anything to do", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 8 }),
      fc.integer({ min: 1, max: 1_000_000 }),
      (weights, seed) => {
        const caller = new Caller(seed);
        caller.discover(weights);
        caller.call(100, SLOW_START_MS);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [index, part] of caller.call(100, 40_000).entries()) {
          const due = weights[index]! / total;
          expect(part).toBeGreaterThan(due / 2);
          expect(part).toBeLessThan(due * 2);
        }
      },
    ),
    { numRuns: 50 },
  );
});
