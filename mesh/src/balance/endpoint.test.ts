import { afterEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import type { Verdict } from "../resilience/verdict.ts";
import { Balancer } from "./balancer.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Transition } from "./endpoint-state.ts";
import type { BalanceOverrides } from "./settings.ts";

const balancers: Balancer[] = [];

afterEach(() => {
  for (const balancer of balancers.splice(0)) balancer.close();
});

const info = (id: string): EndpointInfo => ({ id, host: "h", port: 1, version: "1", zone: "z", weight: 1 });

function fleetOf(count: number, settings: BalanceOverrides = {}) {
  const clock = new ManualClock();
  const transitions: Transition[] = [];
  let stalledMs = 0;
  const balancer = new Balancer({
    clock,
    settings: { slowStartMs: 0, ...settings },
    lag: { stalledMs: () => stalledMs },
    random: () => 0.5,
    onTransition: (transition) => transitions.push(transition),
  });
  balancers.push(balancer);
  balancer.update(Array.from({ length: count }, (_, index) => info(`e${index}`)));
  for (const endpoint of balancer.endpoints) balancer.setLink(endpoint, "ready");
  /** Each attempt takes 10 ms. opossum learns of outcomes in microtasks. */
  const attempt = async (endpoint: Endpoint, verdict: Verdict, stallMs = 0) => {
    const ticket = endpoint.begin(clock.monotonic());
    clock.advance(10 + stallMs);
    stalledMs += stallMs;
    endpoint.end(verdict, 10 + stallMs, clock.monotonic(), ticket);
    await new Promise(setImmediate);
  };
  const pass = (ms: number) => {
    clock.advance(ms);
    balancer.advance(clock.monotonic());
  };
  return { balancer, clock, transitions, attempt, pass, endpoints: balancer.endpoints };
}

describe("ejection", () => {
  test("five failures in a row, and not four", async () => {
    const { attempt, endpoints, transitions } = fleetOf(4);
    const [first] = endpoints;
    for (let count = 0; count < 4; count++) await attempt(first!, "failure");
    await attempt(first!, "success");
    for (let count = 0; count < 4; count++) await attempt(first!, "failure");
    expect(first!.machine.state).toBe("healthy");
    await attempt(first!, "failure");
    expect(first!.machine.state).toBe("ejected");
    expect(transitions.at(-1)).toMatchObject({ endpoint: "e0", cause: "consecutive_failures" });
    expect(first!.whyNot).toMatch(/^ejected: 5 failures in a row; out for \d+ ms$/);
  });

  test("more than half of enough attempts", async () => {
    const { attempt, endpoints, transitions } = fleetOf(4);
    const [first] = endpoints;
    for (let count = 0; count < 6; count++) {
      await attempt(first!, "failure");
      await attempt(first!, "failure");
      await attempt(first!, "success");
    }
    expect(first!.machine.state).toBe("ejected");
    expect(transitions.at(-1)).toMatchObject({ cause: "failure_ratio" });
  });

  test("failing more than the others, never much at a time", async () => {
    const { attempt, endpoints, pass, transitions } = fleetOf(10);
    for (let round = 0; round < 20; round++) {
      for (const [index, endpoint] of endpoints.entries()) {
        await attempt(endpoint, index === 3 && round % 3 === 0 ? "failure" : "success");
      }
    }
    pass(10_000);
    expect(endpoints.map(({ machine }) => machine.state).indexOf("ejected")).toBe(3);
    expect(transitions.at(-1)).toMatchObject({
      cause: "success_rate",
      reason: expect.stringContaining("65 % of 20 attempts went well, of all endpoints' 97 %"),
    });
  });

  test("never more than its share of a fleet at a time", async () => {
    const { attempt, endpoints } = fleetOf(10, { ejection: { maxShare: 0.3 } });
    for (const endpoint of endpoints) {
      for (let count = 0; count < 8; count++) await attempt(endpoint, "failure");
    }
    expect(endpoints.filter(({ machine }) => machine.state === "ejected")).toHaveLength(3);
  });

  test("a stall of the caller ejects nobody and slows nobody down", async () => {
    const { attempt, clock, endpoints, transitions } = fleetOf(4);
    const [first] = endpoints;
    for (let count = 0; count < 10; count++) await attempt(first!, "success");
    const before = transitions.length;
    for (let count = 0; count < 20; count++) await attempt(first!, "failure", 2_000);
    for (let count = 0; count < 20; count++) await attempt(first!, "success", 2_000);
    expect(transitions.length).toBe(before);
    expect(first!.latencyMs(clock.monotonic())).toBeLessThan(100);
  });
});

describe("the way back", () => {
  test("is one probe at a time, and its success counts", async () => {
    const { attempt, balancer, clock, endpoints, pass } = fleetOf(2);
    const [first] = endpoints;
    for (let count = 0; count < 5; count++) await attempt(first!, "failure");
    pass(5_000);
    expect([first!.machine.state, first!.awaitsProbe]).toEqual(["warming", true]);
    const ticket = first!.begin(clock.monotonic());
    expect([ticket.isProbe, first!.admits]).toEqual([true, false]);
    for (let count = 0; count < 10; count++) expect(balancer.pick(clock.monotonic())).not.toBe(first);
    expect(balancer.recentPicks()[0]!.leftOut).toEqual([
      { endpoint: "e0", why: "on probation: its probe is under way" },
    ]);
    first!.end("success", 10, clock.monotonic(), ticket);
    expect([first!.admits, first!.machine.onProbation]).toEqual([true, false]);
  });

  test("ends with a probe that fails", async () => {
    const { attempt, endpoints, pass, transitions } = fleetOf(2);
    const [first] = endpoints;
    for (let count = 0; count < 5; count++) await attempt(first!, "failure");
    pass(5_000);
    await attempt(first!, "failure");
    expect(transitions.at(-1)).toMatchObject({ to: "ejected", cause: "probe_failed" });
  });

  test("a probe that was cancelled proves nothing: the next attempt is one", async () => {
    const { attempt, endpoints, pass } = fleetOf(2);
    const [first] = endpoints;
    for (let count = 0; count < 5; count++) await attempt(first!, "failure");
    pass(5_000);
    await attempt(first!, "neutral");
    expect(first!.awaitsProbe).toBe(true);
  });
});

test("an endpoint that discovery forgot drains until its last attempt has ended", () => {
  const { balancer, clock, endpoints } = fleetOf(2);
  const [first] = endpoints;
  const ticket = first!.begin(clock.monotonic());
  balancer.update([info("e1")]);
  expect(balancer.countStates()).toMatchObject({ draining: 1, healthy: 1 });
  first!.end("success", 5, clock.monotonic(), ticket);
  expect(balancer.countStates()).toMatchObject({ draining: 0, healthy: 1 });
});
