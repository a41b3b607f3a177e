import { ManualClock } from "@antiphon/mesh/testing";
import { RateClass } from "@antiphon/proto/antiphon/options/v1/options";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { guesses } from "./guesses.ts";
import { defaultRates, rateLimits } from "./rate-limits.ts";
import { type CountBus, sharedCounts } from "./shared-counts.ts";

const clock = new ManualClock();
const monotonic = () => clock.monotonic();
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Two gateways that hear each other, as long as the bus is up. */
function pair() {
  const listeners = new Set<(text: string) => void>();
  const link = { isUp: true };
  const bus: CountBus = {
    send(text) {
      if (link.isUp) for (const listener of listeners) listener(text);
    },
    onMessage: (listener) => void listeners.add(listener),
  };
  const rate = { perSecond: 10, burst: 100 };
  const rates = { ...defaultRates, [RateClass.WRITE]: { listener: rate, address: rate } };
  const [a, b] = ["a", "b"].map((self) => {
    const counts = sharedCounts({ bus, self });
    const limits = rateLimits(monotonic, rates, counts);
    const guard = guesses(monotonic, { perSecond: 0.1, burst: 4 }, counts);
    const admits = (call: () => void) => {
      try {
        call();
        return 1;
      } catch {
        return 0;
      }
    };
    return {
      guard,
      counts,
      call: (listener = "lst_1") => admits(() => limits.byListener(RateClass.WRITE, listener)),
      maySignIn: (account: string) => admits(() => guard.check("10.0.0.1", account)) === 1,
    };
  });
  return { a: a!, b: b!, link, bus };
}

function pass(ms: number): void {
  clock.advance(ms);
  vi.advanceTimersByTime(ms);
}

describe("two gateways", () => {
  test("together admit what one would, however a listener's calls are spread over them", () => {
    const { a, b } = pair();
    let admitted = 0;
    // 20 s with 100 calls a second: a burst of 100, then 10 a second.
    for (let turn = 0; turn < 200; turn++) {
      for (let call = 0; call < 10; call++) admitted += (turn + call) % 3 === 0 ? a.call() : b.call();
      pass(100);
    }
    expect(admitted).toBeGreaterThanOrEqual(295);
    expect(admitted).toBeLessThanOrEqual(330);
  });

  test("leave other listeners alone", () => {
    const { a, b } = pair();
    for (let call = 0; call < 100; call++) a.call("lst_1");
    pass(100);
    expect(b.call("lst_2")).toBe(1);
    expect(b.call("lst_1")).toBe(0);
  });

  test("go on limiting by themselves while they do not hear each other", () => {
    const { a, b, link } = pair();
    link.isUp = false;
    let admitted = 0;
    for (let call = 0; call < 200; call++) admitted += a.call() + b.call();
    expect(admitted).toBe(200);
    pass(100);
    link.isUp = true;
    pass(1000);
    expect(a.call()).toBe(1);
  });

  test("slow down who guesses passwords, whichever of them is asked", () => {
    const { a, b } = pair();
    for (let guess = 0; guess < 4; guess++) (guess % 2 === 0 ? a : b).guard.wrong(`10.0.0.${guess}`, "ann@x");
    expect(a.maySignIn("ann@x")).toBe(true);
    pass(100);
    expect(a.maySignIn("ann@x")).toBe(false);
    expect(b.maySignIn("ann@x")).toBe(false);
    expect(b.maySignIn("bea@x")).toBe(true);
  });
});

test.each([
  ["no JSON", "nonsense"],
  ["another shape", '{"from":"c","taken":1}'],
  ["buckets that are not there", '{"from":"c","name":"nothing","taken":[["lst_1",100]]}'],
  ["a negative count", '{"from":"c","name":"listener WRITE","taken":[["lst_1",-100]]}'],
])("a message with %s changes nothing", (_what, text) => {
  const { a, bus } = pair();
  bus.send(text);
  expect(a.call()).toBe(1);
});

test("a gateway that takes too much elsewhere does not lock anybody out for longer than a second burst", () => {
  const { a, bus } = pair();
  bus.send('{"from":"c","name":"listener WRITE","taken":[["lst_1",1000000]]}');
  pass(10_000);
  expect(a.call()).toBe(0);
  pass(200);
  expect(a.call()).toBe(1);
});
