import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../testing/manual-clock.ts";
import type { EndpointInfo } from "../../discovery/discovery.ts";
import { Balancer } from "../balancer.ts";
import { noLag } from "../caller-lag.ts";
import type { BalanceOverrides } from "../settings.ts";

const balancers: Balancer[] = [];

afterEach(() => {
  for (const balancer of balancers.splice(0)) balancer.close();
});

const info = (id: string, more: Partial<EndpointInfo> = {}): EndpointInfo => ({
  id,
  host: "h",
  port: 1,
  version: "1",
  zone: "a",
  weight: 1,
  ...more,
});

const byKey = { algorithm: "ring_hash", hash: { kind: "header", name: "x" } } as const;

function balancerOf(infos: readonly EndpointInfo[], settings: BalanceOverrides, callerId = "me") {
  const clock = new ManualClock();
  const balancer = new Balancer({
    clock,
    lag: noLag,
    zone: "a",
    callerId,
    settings: { slowStartMs: 0, ...settings },
  });
  balancers.push(balancer);
  balancer.update(infos);
  for (const endpoint of balancer.endpoints) balancer.setLink(endpoint, "ready");
  const shares = (picks: number, key?: string) => {
    const counts: Record<string, number> = {};
    for (let count = 0; count < picks; count++) {
      const { id } = balancer.pick(0, undefined, key)!.info;
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  };
  const by = (id: string) => balancer.endpoints.find((endpoint) => endpoint.info.id === id)!;
  return { balancer, shares, by };
}

const some = (count: number, more: Partial<EndpointInfo> = {}) =>
  Array.from({ length: count }, (_, index) => info(`${more.zone ?? "e"}${index}`, more));

describe("in turn", () => {
  test("round robin gives each the same, whatever its weight", () => {
    const { shares } = balancerOf([info("x", { weight: 9 }), info("y"), info("z")], {
      algorithm: "round_robin",
    });
    expect(shares(300)).toEqual({ x: 100, y: 100, z: 100 });
  });

  test("weights are kept to, and spread", () => {
    const { balancer } = balancerOf([info("x", { weight: 3 }), info("y", { weight: 1 })], {
      algorithm: "weighted",
    });
    const picked = Array.from({ length: 400 }, () => balancer.pick(0)!.info.id);
    expect(picked.filter((id) => id === "x").length).toBe(300);
    expect(picked.join("")).not.toContain("xxxxx");
  });

  test("for any weights each gets its part", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }), (weights) => {
        const { shares } = balancerOf(
          weights.map((weight, index) => info(String(index), { weight })),
          { algorithm: "weighted" },
        );
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const counts = shares(total * 20);
        for (const [index, weight] of weights.entries()) {
          expect(Math.abs((counts[index] ?? 0) - weight * 20)).toBeLessThanOrEqual(weight + 2);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("ring hash", () => {
  test("the same key goes to the same endpoint, keys are spread", () => {
    const { shares } = balancerOf(some(10), byKey);
    const owners = new Set<string>();
    for (let key = 0; key < 200; key++) {
      const owner = Object.keys(shares(3, `key-${key}`));
      expect(owner).toHaveLength(1);
      owners.add(owner[0]!);
    }
    expect(owners.size).toBe(10);
  });

  test("one that goes moves its own keys alone", () => {
    const { balancer } = balancerOf(some(10), byKey);
    const keys = Array.from({ length: 500 }, (_, index) => `key-${index}`);
    const ownerOf = (key: string) => balancer.pick(0, undefined, key)!.info.id;
    const before = keys.map(ownerOf);
    balancer.update(some(9));
    for (const [index, key] of keys.entries()) {
      if (before[index] !== "e9") expect(ownerOf(key)).toBe(before[index]);
    }
  });

  test("an owner that has its hands full, or failed, is helped out by the next", () => {
    const { balancer } = balancerOf(some(4), byKey);
    const owner = balancer.pick(0, undefined, "hot")!;
    for (let count = 0; count < 20; count++) balancer.pick(0, undefined, "hot")!.begin(0);
    expect(owner.inFlight).toBeLessThan(10);
    expect(balancer.recentPicks().map(({ reason }) => reason)).toContain("next to the key's owner");
    expect(balancer.pick(0, [owner], "hot")).not.toBe(owner);
  });
});

describe("zones", () => {
  const zones = [...some(4, { zone: "a" }), ...some(4, { zone: "b" })];

  test("calls stay in the caller's zone while it is well", () => {
    const { shares } = balancerOf(zones, { preferZone: true });
    expect(Object.keys(shares(200)).every((id) => id.startsWith("a"))).toBe(true);
  });

  test("with half of it gone a part of them leaves, with all of it gone all", () => {
    const { balancer, by, shares } = balancerOf(zones, { preferZone: true });
    const gone = (id: string) => balancer.setLink(by(id), "backoff", "gone");
    gone("a0");
    gone("a1");
    const away = Object.entries(shares(1_000)).filter(([id]) => id.startsWith("b"));
    const left = away.reduce((sum, [, count]) => sum + count, 0);
    expect(left).toBeGreaterThan(150);
    expect(left).toBeLessThan(450);
    gone("a2");
    gone("a3");
    expect(Object.keys(shares(100)).every((id) => id.startsWith("b"))).toBe(true);
  });

  test("a zone that says it is at its limit is helped out", () => {
    const { by, shares } = balancerOf(zones, { preferZone: true });
    for (let index = 0; index < 4; index++) by(`a${index}`).load.refused(1_000, 0);
    expect(Object.keys(shares(200)).some((id) => id.startsWith("b"))).toBe(true);
  });
});

describe("subsets", () => {
  const fleet = some(300);
  const subset = (callerId: string, infos = fleet) =>
    new Set(balancerOf(infos, { subsetSize: 20 }, callerId).balancer.endpoints.map(({ info }) => info.id));

  test("a caller has always the same ones, another caller others", () => {
    expect(subset("me").size).toBe(20);
    expect(subset("me")).toEqual(subset("me"));
    expect(subset("me")).not.toEqual(subset("you"));
  });

  test("one that goes is replaced, the others stay", () => {
    const before = subset("me");
    const [gone] = before;
    const after = subset(
      "me",
      fleet.filter(({ id }) => id !== gone),
    );
    expect([...before].filter((id) => !after.has(id))).toEqual([gone]);
  });

  test("changed at run time, endpoints come and go", () => {
    const { balancer } = balancerOf(fleet, { subsetSize: 20 });
    expect(balancer.configure({ subsetSize: 30 }).added).toHaveLength(10);
    expect(balancer.configure({ subsetSize: 5 }).removed).toHaveLength(25);
    expect(() => balancer.configure({ subsetSize: -1 })).toThrow("subsetSize");
    expect(balancer.endpoints).toHaveLength(5);
  });

  test("with half of it gone, others come in at once, and no more than are needed", () => {
    const { balancer } = balancerOf(fleet, { subsetSize: 20 });
    const first = balancer.endpoints;
    for (const endpoint of first.slice(0, 10)) {
      expect(balancer.setLink(endpoint, "backoff", "gone").added).toEqual([]);
    }
    const { added } = balancer.setLink(first[10]!, "backoff", "gone");
    expect(added).toHaveLength(1);
    expect(balancer.endpoints).toHaveLength(21);
    for (const endpoint of first.slice(11)) balancer.setLink(endpoint, "backoff", "gone");
    expect(balancer.endpoints).toHaveLength(30);
    expect(first).not.toContain(added[0]);
  });

  test("of a fleet that is gone as a whole no more than three subsets are tried", () => {
    const { balancer } = balancerOf(fleet, { subsetSize: 20 });
    for (let alive = balancer.endpoints; alive.length > 0; ) {
      for (const endpoint of alive) balancer.setLink(endpoint, "backoff", "gone");
      alive = balancer.endpoints.filter(({ link }) => link !== "backoff");
    }
    expect(balancer.endpoints).toHaveLength(60);
    const update = balancer.update(fleet.slice(0, 15));
    expect(update.removed.length).toBeGreaterThan(45 - 15);
    expect(balancer.endpoints).toHaveLength(15);
  });

  test("a caller's own zone has three quarters of it, as far as there are so many", () => {
    const zoned = fleet.map((one, index) => ({ ...one, zone: index < 30 ? "a" : "b" }));
    const zones = (infos: typeof zoned, preferZone: boolean) => {
      const { balancer } = balancerOf(infos, { subsetSize: 20, preferZone });
      const near = balancer.endpoints.filter(({ info }) => info.zone === "a").length;
      return [near, balancer.endpoints.length - near];
    };
    expect(zones(zoned, true)).toEqual([15, 5]);
    expect(zones(zoned.slice(20), true)).toEqual([10, 10]);
    expect(zones(zoned.slice(0, 32), true)).toEqual([18, 2]);
    expect(zones(zoned, false)[0]).toBeLessThan(10);
  });
});

test("a version comes first while it is well, then any other", () => {
  const { balancer, by } = balancerOf([...some(3), info("new", { version: "2" })], {});
  for (let count = 0; count < 20; count++) {
    expect(balancer.pick(0, undefined, undefined, "2")).toBe(by("new"));
  }
  expect(balancer.pick(0, [by("new")], undefined, "2")).not.toBe(by("new"));
  expect(balancer.recentPicks()[1]).toMatchObject({
    endpoint: "new",
    from: "its version",
    routed: "to version 2",
    leftOut: [0, 1, 2].map((index) => ({ endpoint: `e${index}`, why: "is of version 1" })),
  });
  balancer.setLink(by("new"), "backoff", "gone");
  expect(balancer.pick(0, undefined, undefined, "2")?.info.version).toBe("1");
  expect(balancer.recentPicks()[0]).toMatchObject({
    from: "all",
    routed: "to version 2, of which nobody could be chosen: to any",
    leftOut: [{ endpoint: "new", why: "connecting: gone" }],
  });
});
