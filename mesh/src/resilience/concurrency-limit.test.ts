import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ConcurrencyLimit,
  type Ending,
  type LimitOptions,
  type LoopMeter,
  type PriorityName,
} from "./concurrency-limit.ts";
import { UnloadedTime } from "./unloaded-time.ts";

/** An event loop that runs handlers one after another, and what a limit sees of it, in virtual time. */
class VirtualServer implements LoopMeter {
  readonly limit: ConcurrencyLimit;
  readonly #unloaded = new UnloadedTime();
  readonly #workMs: number;
  readonly #nackMs: number;
  #nowMs = 0;
  #busyMs = 0;
  #seen = { nowMs: 0, busyMs: 0 };
  #endTurn: ((nowMs: number) => void) | undefined;

  constructor(workMs: number, nackMs: number, options?: LimitOptions) {
    this.#workMs = workMs;
    this.#nackMs = nackMs;
    this.limit = new ConcurrencyLimit(this, options);
  }

  utilisation(): number {
    const { nowMs, busyMs } = this.#seen;
    this.#seen = { nowMs: this.#nowMs, busyMs: this.#busyMs };
    return (this.#busyMs - busyMs) / (this.#nowMs - nowMs);
  }
  cpuMs(): number {
    return this.#busyMs;
  }
  afterTurn(end: (nowMs: number) => void): void {
    this.#endTurn = end;
  }

  /**
   * Lets calls arrive at a steady rate. Each turn of the loop reads all that came during the turn before,
   * runs the handlers of those that it admits, and sends their answers at its end, as Node does.
   */
  run(callsPerSecond: number, forMs: number, priorityOf = (_call: number): PriorityName => "normal") {
    const untilMs = this.#nowMs + forMs;
    const result = { offered: 0, tookMs: [] as number[], refused: { critical: 0, normal: 0, sheddable: 0 } };
    let arrivesAtMs = this.#nowMs;
    while (this.#nowMs < untilMs) {
      const answered: number[] = [];
      this.#nowMs = Math.max(this.#nowMs, arrivesAtMs);
      for (const turnAtMs = this.#nowMs; arrivesAtMs <= turnAtMs; arrivesAtMs += 1_000 / callsPerSecond) {
        const priority = priorityOf(result.offered++);
        if (this.limit.refusal(priority, this.#nowMs, this.#unloaded.ms)) {
          result.refused[priority]++;
          this.#spend(this.#nackMs);
        } else {
          const enteredAtMs = this.limit.enter(this.#nowMs);
          this.#spend(this.#workMs);
          this.limit.leave(enteredAtMs, this.#nowMs, this.#unloaded, "answered");
          answered.push(arrivesAtMs);
        }
      }
      this.#endTurn?.(this.#nowMs);
      for (const arrivedAtMs of answered) result.tookMs.push(this.#nowMs - arrivedAtMs);
    }
    return result;
  }

  #spend(ms: number): void {
    this.#nowMs += ms;
    this.#busyMs += ms;
  }
}

const p99 = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.ceil(0.99 * values.length) - 1]!;

describe("three times what the process can do", () => {
  const WORK_MS = 30;
  const PEAK = 1_000 / WORK_MS;

  /** Knows what its calls take unloaded. */
  function server() {
    const calm = new VirtualServer(WORK_MS, 0.2);
    expect(calm.run(PEAK / 2, 10_000).refused.normal).toBe(0);
    return calm;
  }

  test("goodput stays, and those admitted do not wait", () => {
    const busy = server();
    busy.run(PEAK * 3, 5_000);
    const { tookMs, refused } = busy.run(PEAK * 3, 20_000);
    expect(tookMs.length / 20).toBeGreaterThan(PEAK * 0.95);
    expect(p99(tookMs)).toBeLessThan(8 * WORK_MS);
    expect(refused.normal).toBeGreaterThan(0);
  });

  test("a server that starts into it, and knows no better, still answers within two turns of the loop", () => {
    const cold = new VirtualServer(WORK_MS, 0.2);
    expect(p99(cold.run(PEAK * 3, 20_000).tookMs)).toBeLessThan(2 * (200 + WORK_MS));
  });

  test("what matters least is refused first, what is critical last", () => {
    const busy = server();
    const mixed = (call: number) => (["critical", "normal", "sheddable"] as const)[call % 3]!;
    busy.run(PEAK * 1.2, 5_000, mixed);
    const { refused, offered } = busy.run(PEAK * 1.2, 20_000, mixed);
    expect(refused.sheddable + refused.normal).toBeGreaterThan(offered / 10);
    expect(refused.sheddable).toBeGreaterThan(2 * refused.normal);
    expect(refused.critical).toBeLessThan(offered / 100);
  });

  test("soon after it nothing is refused any more, and the limit is out of the way", () => {
    const busy = server();
    busy.run(PEAK * 3, 10_000);
    expect(busy.limit.limit).toBeLessThan(10);
    busy.run(PEAK / 4, 1_000);
    expect(busy.run(PEAK / 4, 5_000).refused.normal).toBe(0);
    expect(busy.limit.limit).toBe(2_000);
  });
});

/** A loop whose turns end when `endTurn` is called. */
function manualLoop(utilisation: () => number, cpuMs: () => number) {
  let end: ((nowMs: number) => void) | undefined;
  const loop: LoopMeter = {
    utilisation,
    cpuMs,
    afterTurn(onEnd) {
      end = onEnd;
    },
  };
  const endTurn = (nowMs: number) => {
    end?.(nowMs);
    end = undefined;
  };
  return { loop, endTurn };
}

/** A limit under steady utilisation, with calls that take 10 ms unloaded. */
function limitAt(utilisation: number, options?: LimitOptions) {
  let nowMs = 0;
  const { loop, endTurn } = manualLoop(
    () => utilisation,
    () => nowMs * utilisation,
  );
  const limit = new ConcurrencyLimit(loop, options);
  const unloaded = new UnloadedTime();
  unloaded.observe(10, true);
  /** For each tenth of a second as many calls as are let in of `calls`, all of which end after `tookMs`. */
  const run = (windows: number, calls: number, tookMs: number): number => {
    let refused = 0;
    for (let window = 0; window < windows; window++) {
      const entered: number[] = [];
      for (let call = 0; call < calls; call++) {
        if (limit.refusal("normal", nowMs, unloaded.ms)) refused++;
        else entered.push(limit.enter(nowMs));
      }
      endTurn(nowMs);
      nowMs += 100;
      for (const _ of entered) limit.leave(nowMs - tookMs, nowMs, unloaded, "answered");
      endTurn(nowMs);
    }
    return refused;
  };
  run(30, 1, 10);
  return { limit, unloaded, run, nowMs: () => nowMs };
}

test("while the event loop has time to spare, no number of calls below the minimum is refused", () => {
  const { limit, run } = limitAt(0.3);
  expect(run(100, 230, 10_000)).toBe(0);
  expect(limit.limit).toBeGreaterThanOrEqual(256);
});

test("more of them than that are refused when they have become slow", () => {
  const { limit, run } = limitAt(0.9, { minLimit: 64 });
  expect(run(20, 500, 10)).toBe(0);
  expect(run(20, 500, 200)).toBeGreaterThan(1_000);
  expect(limit.limit).toBeGreaterThanOrEqual(64);
});

test("a busy event loop alone refuses nothing: calls must have become slow as well", () => {
  const { limit, run } = limitAt(1);
  expect(run(100, 100, 10)).toBe(0);
  expect(limit.strained).toBe(true);
});

test("a tenth of a second of work is let in however strained it is, also where other work is to blame", () => {
  const { run } = limitAt(1);
  expect(run(50, 100, 5_000)).toBeGreaterThan(0);
  expect(run(50, 8, 5_000)).toBe(0);
});

test("a call that cannot end in time is refused at once, where it is the server's fault", () => {
  const strained = limitAt(1);
  strained.run(30, 10, 50);
  expect(strained.limit.slowness).toBe(5);
  const refusal = (remainingMs: number) =>
    strained.limit.refusal("critical", strained.nowMs(), strained.unloaded.ms, remainingMs);
  expect([refusal(49), refusal(51), refusal(Number.POSITIVE_INFINITY)]).toEqual([
    "deadline",
    undefined,
    undefined,
  ]);
  const idle = limitAt(0.5);
  idle.run(30, 10, 50);
  expect(idle.limit.refusal("normal", idle.nowMs(), 10, 1)).toBeUndefined();
});

test("no call begins in a turn of the event loop that has cost too much already, critical ones last", () => {
  let cpuMs = 0;
  const { loop, endTurn } = manualLoop(
    () => 0,
    () => cpuMs,
  );
  const limit = new ConcurrencyLimit(loop);
  const refusals = (nowMs: number) =>
    (["critical", "normal", "sheddable"] as const).map((priority) => limit.refusal(priority, nowMs, 1));
  expect(refusals(0)).toEqual([undefined, undefined, undefined]);
  cpuMs = 150;
  expect(refusals(150)).toEqual([undefined, undefined, "event_loop"]);
  cpuMs = 201;
  expect(refusals(1_000)).toEqual(["event_loop", "event_loop", "event_loop"]);
  endTurn(1_000);
  expect(refusals(1_000)).toEqual([undefined, undefined, undefined]);
});

test("a turn that lasts because others have the processor is no reason to refuse", () => {
  const { loop } = manualLoop(
    () => 1,
    () => 10,
  );
  const limit = new ConcurrencyLimit(loop);
  limit.refusal("normal", 0, 1);
  expect(limit.refusal("sheddable", 5_000, 1)).toBeUndefined();
});

test("for any load: one call passes, priorities keep their order, and the limit its bounds", () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 300 }),
    utilisation: fc.double({ min: 0, max: 1, noNaN: true }),
    cpuMs: fc.double({ min: 0, max: 300, noNaN: true }),
    calls: fc.array(fc.constantFrom<PriorityName>("critical", "normal", "sheddable"), { maxLength: 30 }),
    ends: fc.integer({ min: 0, max: 40 }),
    ending: fc.constantFrom<Ending>("answered", "failed", "given_up"),
    turnEnds: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 300 }), (steps, maxLimit) => {
      let utilisation = 0;
      let cpuMs = 0;
      const { loop, endTurn } = manualLoop(
        () => utilisation,
        () => cpuMs,
      );
      const limit = new ConcurrencyLimit(loop, { maxLimit });
      const unloaded = new UnloadedTime();
      let nowMs = 0;
      const open: number[] = [];
      for (const { waitMs, calls, ends, ending, turnEnds, ...used } of steps) {
        nowMs += waitMs;
        utilisation = used.utilisation;
        cpuMs += used.cpuMs;
        for (const priority of calls) {
          const [critical, normal, sheddable] = (["critical", "normal", "sheddable"] as const).map((one) =>
            limit.refusal(one, nowMs, unloaded.ms),
          );
          if (critical) expect(normal).toBeDefined();
          if (normal) expect(sheddable).toBeDefined();
          if (limit.inFlight === 0 && sheddable) expect(sheddable).toBe("event_loop");
          if (limit.refusal(priority, nowMs, unloaded.ms)) continue;
          open.push(limit.enter(nowMs));
          expect(limit.inFlight).toBeLessThanOrEqual(Math.max(1, limit.limit));
        }
        for (const enteredAtMs of open.splice(0, ends)) limit.leave(enteredAtMs, nowMs, unloaded, ending);
        expect(limit.inFlight).toBeGreaterThanOrEqual(open.length);
        if (turnEnds) {
          endTurn(nowMs);
          expect(limit.inFlight).toBe(open.length);
        }
        expect(limit.limit).toBeGreaterThanOrEqual(Math.min(4, maxLimit));
        expect(limit.limit).toBeLessThanOrEqual(maxLimit);
        expect(limit.load).toBeGreaterThanOrEqual(0);
        expect(limit.load).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 200 },
  );
});
