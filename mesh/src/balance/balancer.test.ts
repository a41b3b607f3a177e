import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import type { Verdict } from "../resilience/verdict.ts";
import { Balancer } from "./balancer.ts";
import { noLag } from "./caller-lag.ts";
import type { Endpoint } from "./endpoint.ts";
import type { BalanceOverrides } from "./settings.ts";

const NO_SLOW_START: BalanceOverrides = { slowStartMs: 0 };

const balancers: Balancer[] = [];

afterEach(() => {
  for (const balancer of balancers.splice(0)) balancer.close();
});

function info(id: string, more: Partial<EndpointInfo> = {}): EndpointInfo {
  return { id, host: "127.0.0.1", port: 1, version: "1", zone: "z", weight: 1, ...more };
}

function balancerOf(ids: readonly string[], random = seeded(1), settings: BalanceOverrides = NO_SLOW_START) {
  const balancer = new Balancer({ random, clock: new ManualClock(), lag: noLag, settings });
  balancers.push(balancer);
  balancer.update(ids.map((id) => info(id)));
  for (const endpoint of balancer.endpoints) balancer.setLink(endpoint, "ready");
  const by = (id: string) => balancer.endpoints.find((endpoint) => endpoint.info.id === id)!;
  return { balancer, by };
}

/** Lehmer's generator: the same picks in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function attempt(endpoint: Endpoint, nowMs: number, elapsedMs: number, verdict: Verdict = "success"): void {
  const ticket = endpoint.begin(nowMs);
  endpoint.end(verdict, elapsedMs, nowMs + elapsedMs, ticket);
}

/** Past the phase in which each endpoint is probed alone. */
function warm(endpoint: Endpoint, elapsedMs: number, nowMs = 0): void {
  for (let count = 0; count < 5; count++) attempt(endpoint, nowMs, elapsedMs);
}

const eject = (endpoint: Endpoint) => endpoint.machine.eject("failure_ratio", "told to", 0);

describe("pick", () => {
  test("nothing is picked while nothing is connected", () => {
    const balancer = new Balancer();
    balancers.push(balancer);
    balancer.update([info("a")]);
    expect(balancer.pick(0)).toBeUndefined();
  });

  test("a burst spreads because attempts count from the moment they are picked", () => {
    const { balancer } = balancerOf(["a", "b", "c", "d"]);
    for (let count = 0; count < 40; count++) balancer.pick(0)!.begin(0);
    for (const endpoint of balancer.endpoints) expect(endpoint.inFlight).toBeGreaterThan(5);
  });

  test("an endpoint that has fallen silent gets no more calls, however fast it was", () => {
    const { balancer, by } = balancerOf(["silent", "b", "c", "d"]);
    for (const endpoint of balancer.endpoints) warm(endpoint, endpoint.info.id === "silent" ? 2 : 100);
    by("silent").begin(500, true);
    expect(balancer.pick(501)).toBeDefined();
    for (let count = 0; count < 100; count++) {
      const endpoint = balancer.pick(650)!;
      expect(endpoint).not.toBe(by("silent"));
      attempt(endpoint, 650, 100);
    }
  });

  test("a slow endpoint gets a small share", () => {
    const { balancer, by } = balancerOf(["slow", "b", "c"]);
    for (const endpoint of balancer.endpoints) warm(endpoint, endpoint.info.id === "slow" ? 200 : 5);
    let slow = 0;
    for (let count = 0; count < 1_000; count++) {
      const endpoint = balancer.pick(100)!;
      if (endpoint === by("slow")) slow++;
      attempt(endpoint, 100, endpoint === by("slow") ? 200 : 5);
    }
    expect(slow).toBeLessThan(10);
  });

  test("failing fast attracts nobody", () => {
    const { balancer, by } = balancerOf(["failing", "b"]);
    for (const endpoint of balancer.endpoints) warm(endpoint, 5);
    for (let count = 0; count < 4; count++) attempt(by("failing"), 10, 0.1, "failure");
    expect(by("failing").score(20)).toBeGreaterThan(by("b").score(20));
  });

  test("however often an endpoint fails, it can be well again within a minute", () => {
    const { by } = balancerOf(["failing"]);
    warm(by("failing"), 5);
    for (let count = 0; count < 50; count++) attempt(by("failing"), 10, 1, "failure");
    expect(by("failing").latencyMs(60_000)).toBeLessThan(5);
  });

  test("a new endpoint among fast ones is probed, one attempt at a time, until it is known", () => {
    const { balancer, by } = balancerOf(["a", "b"]);
    for (const endpoint of balancer.endpoints) warm(endpoint, 0.5);
    balancer.update([info("a"), info("b"), info("new")]);
    balancer.setLink(by("new"), "ready");
    const picked = Array.from({ length: 60 }, () => {
      const endpoint = balancer.pick(100)!;
      endpoint.begin(100);
      return endpoint.info.id;
    });
    expect(picked.filter((id) => id === "new").length).toBeGreaterThanOrEqual(1);
    expect(picked.filter((id) => id === "new").length).toBeLessThan(10);
  });

  test("an idle endpoint is not forgotten after a peak", () => {
    const { balancer, by } = balancerOf(["a", "peaked"]);
    warm(by("a"), 1);
    warm(by("peaked"), 1);
    attempt(by("peaked"), 0, 2_000);
    expect(balancer.pick(2_500)).toBe(by("a"));
    expect(balancer.pick(3_100)).toBe(by("peaked"));
  });

  test("weight shares load", () => {
    const balancer = new Balancer({ random: seeded(3) });
    balancers.push(balancer);
    balancer.update([info("light", { weight: 1 }), info("heavy", { weight: 3 })]);
    for (const endpoint of balancer.endpoints) {
      balancer.setLink(endpoint, "ready");
      warm(endpoint, 10);
    }
    for (let count = 0; count < 400; count++) balancer.pick(10)!.begin(10);
    const [light, heavy] = balancer.endpoints;
    expect(heavy!.inFlight / light!.inFlight).toBeCloseTo(3, 0);
  });

  test("with every endpoint ejected all are used, and the log says why", () => {
    const { balancer } = balancerOf(["a", "b"]);
    for (const endpoint of balancer.endpoints) eject(endpoint);
    expect(balancer.pick(0)).toBeDefined();
    expect(balancer.recentPicks()[0]).toMatchObject({ from: "panic", among: 2 });
  });

  test("the log keeps the last picks, newest first, with their scores", () => {
    const { balancer, by } = balancerOf(["a", "b"]);
    warm(by("a"), 10);
    warm(by("b"), 20);
    for (let count = 0; count < 50; count++) balancer.pick(100);
    const records = balancer.recentPicks();
    expect(records).toHaveLength(32);
    expect(records[0]).toMatchObject({
      endpoint: "a",
      reason: "less loaded of two",
      against: { endpoint: "b" },
    });
    expect(records[0]!.score).toBeLessThan(records[0]!.against!.score);
  });
});

describe("for any endpoints", () => {
  const fleet = fc.record({
    count: fc.integer({ min: 1, max: 12 }),
    ejected: fc.array(fc.integer({ min: 0, max: 11 })),
    unready: fc.array(fc.integer({ min: 0, max: 11 })),
    panicThreshold: fc.constantFrom(0, 0.5, 1),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
  });

  const build = ({
    count,
    ejected,
    unready,
    panicThreshold,
    seed,
  }: typeof fleet extends fc.Arbitrary<infer T> ? T : never) => {
    const made = balancerOf(
      Array.from({ length: count }, (_, index) => String(index)),
      seeded(seed),
      { ...NO_SLOW_START, panicThreshold },
    );
    const { balancer } = made;
    for (const index of new Set(ejected)) if (index < count) eject(balancer.endpoints[index]!);
    for (const index of unready) if (index < count) balancer.setLink(balancer.endpoints[index]!, "backoff");
    return balancer;
  };

  test("whoever is connected can be picked, well ones where enough are, and none tried before while another is left", () => {
    fc.assert(
      fc.property(fleet, (options) => {
        const balancer = build(options);
        const ready = balancer.endpoints.filter((endpoint) => endpoint.link === "ready");
        const well = ready.filter((endpoint) => endpoint.admits);
        const tooFew = well.length === 0 || well.length < options.panicThreshold * options.count;
        const admitted = tooFew ? ready : well;
        const tried: Endpoint[] = [];
        for (let count = 0; count < ready.length; count++) {
          const picked = balancer.pick(0, tried)!;
          expect(ready).toContain(picked);
          expect(admitted).toContain(picked);
          const left = admitted.some((endpoint) => !tried.includes(endpoint));
          if (left) expect(tried).not.toContain(picked);
          tried.push(picked);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("in flight returns to zero whatever comes of the attempts", () => {
    fc.assert(
      fc.property(
        fleet,
        fc.array(fc.constantFrom<Verdict>("success", "failure", "neutral"), { maxLength: 60 }),
        (options, verdicts) => {
          const balancer = build(options);
          const running = verdicts.flatMap((verdict, index) => {
            const endpoint = balancer.pick(index);
            return endpoint ? [{ endpoint, verdict, ticket: endpoint.begin(index) }] : [];
          });
          for (const { endpoint, verdict, ticket } of running) endpoint.end(verdict, 5, 100, ticket);
          for (const endpoint of balancer.endpoints) {
            expect(endpoint.inFlight).toBe(0);
            expect(endpoint.score(200)).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("update", () => {
  test("an endpoint that stays keeps its history, one that goes is forgotten", () => {
    const { balancer, by } = balancerOf(["a", "b"]);
    const a = by("a");
    warm(a, 7);
    const { added, removed } = balancer.update([info("a", { weight: 2, version: "2" }), info("c")]);
    expect(added.map((endpoint) => endpoint.info.id)).toEqual(["c"]);
    expect(removed.map((endpoint) => endpoint.info.id)).toEqual(["b"]);
    expect(by("a")).toBe(a);
    expect(a.info).toMatchObject({ weight: 2, version: "2" });
    expect(a.latencyMs(0)).toBeGreaterThan(5);
  });

  test("the same id at another address is another endpoint", () => {
    const { balancer } = balancerOf(["a"]);
    const { added, removed } = balancer.update([info("a", { port: 2 })]);
    expect([added.length, removed.length]).toEqual([1, 1]);
  });
});

test("a pick among a hundred endpoints takes about a microsecond", () => {
  const { balancer } = balancerOf(Array.from({ length: 100 }, (_, index) => String(index)));
  for (const endpoint of balancer.endpoints) warm(endpoint, 5);
  for (let count = 0; count < 20_000; count++) balancer.pick(100);
  const cpu = process.cpuUsage();
  for (let count = 0; count < 100_000; count++) balancer.pick(100);
  const { user } = process.cpuUsage(cpu);
  // Ten times what it takes, so that a busy machine fails no build.
  expect(user / 100_000).toBeLessThan(10);
});
