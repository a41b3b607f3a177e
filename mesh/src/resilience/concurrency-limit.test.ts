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

const PRIORITIES = ["critical", "normal", "sheddable"] as const;

/** An event loop that reads calls and runs their handlers, and what a limit sees of it, in virtual time. */
class VirtualServer implements LoopMeter {
  readonly limit: ConcurrencyLimit;
  readonly #unloaded = new UnloadedTime();
  readonly #workMs: (call: number) => number;
  readonly #nackMs: number;
  #begun = 0;
  #nowMs = 0;
  #busyMs = 0;
  #seen = { nowMs: 0, busyMs: 0 };
  #immediates: ((nowMs: number) => void)[] = [];
  #answers: ((nowMs: number) => void)[] = [];

  /** @param workMs of every call, or of each in the order of their beginning */
  constructor(workMs: number | ((call: number) => number), nackMs: number, options?: LimitOptions) {
    this.#workMs = typeof workMs === "number" ? () => workMs : workMs;
    this.#nackMs = nackMs;
    this.limit = new ConcurrencyLimit(this, options);
  }

  nowMs(): number {
    return this.#nowMs;
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
    this.#immediates.push(end);
  }

  /**
   * Lets calls arrive at a steady rate, `burst` at a time. Each turn of the loop reads all that came during the
   * turn before, and sends answers at its end, as Node does.
   */
  run(
    callsPerSecond: number,
    forMs: number,
    { burst = 1, priorityOf = (_call: number): PriorityName => "normal" } = {},
  ) {
    const untilMs = this.#nowMs + forMs;
    const result = { offered: 0, tookMs: [] as number[], refused: { critical: 0, normal: 0, sheddable: 0 } };
    for (let arrivesAtMs = this.#nowMs; this.#nowMs < untilMs; ) {
      if (this.#immediates.length === 0) this.#nowMs = Math.max(this.#nowMs, arrivesAtMs);
      const turnAtMs = this.#nowMs;
      for (; arrivesAtMs <= turnAtMs; arrivesAtMs += (1_000 * burst) / callsPerSecond) {
        const arrivedAtMs = arrivesAtMs;
        const onAnswer = (nowMs: number) => result.tookMs.push(nowMs - arrivedAtMs);
        for (let call = 0; call < burst; call++) {
          const priority = priorityOf(result.offered++);
          if (!this.#arrive(priority, onAnswer)) result.refused[priority]++;
        }
      }
      for (const answer of this.#answers.splice(0)) answer(this.#nowMs);
      for (const end of this.#immediates.splice(0)) end(this.#nowMs);
    }
    return result;
  }

  #arrive(priority: PriorityName, onAnswer: (nowMs: number) => void): boolean {
    if (this.limit.refusal(priority, this.#unloaded.ms)) {
      this.#spend(this.#nackMs);
      return false;
    }
    const enteredAtMs = this.limit.enter(priority, this.#nowMs);
    this.limit.start(this.#nowMs, () => {
      const begunAtMs = this.#nowMs;
      this.#spend(this.#workMs(this.#begun++));
      const unloaded = this.#unloaded;
      this.limit.leave({ priority, enteredAtMs, begunAtMs, ending: "answered", unloaded }, this.#nowMs);
      this.#answers.push(onAnswer);
    });
    return true;
  }

  #spend(ms: number): void {
    this.#nowMs += ms;
    this.#busyMs += ms;
  }
}

const p99 = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.ceil(0.99 * values.length) - 1]!;

describe.each([3, 10, 30, 100])(
  "three times what the process can do, with calls that compute %i ms",
  (workMs) => {
    const peak = 1_000 / workMs;

    /** Knows what its calls take unloaded. */
    function server() {
      const calm = new VirtualServer(workMs, 0.1);
      expect(calm.run(peak / 2, 10_000).refused.normal).toBe(0);
      return calm;
    }

    test("goodput stays, and those admitted wait for a few others at most", () => {
      const busy = server();
      busy.run(peak * 3, 5_000);
      const { tookMs, refused } = busy.run(peak * 3, 20_000);
      expect(tookMs.length / 20).toBeGreaterThan(peak * 0.9);
      expect(p99(tookMs)).toBeLessThan(8 * workMs);
      expect(refused.normal).toBeGreaterThan(0);
    });

    test("a server that starts into it, and knows no better, keeps nobody for long", () => {
      const cold = new VirtualServer(workMs, 0.1);
      expect(Math.max(...cold.run(peak * 3, 20_000).tookMs)).toBeLessThan(1_500);
    });

    test("what matters least is refused first, what is critical last", () => {
      const busy = server();
      const priorityOf = (call: number) => (["critical", "normal", "sheddable"] as const)[call % 3]!;
      busy.run(peak * 1.2, 5_000, { priorityOf });
      const { refused, offered } = busy.run(peak * 1.2, 20_000, { priorityOf });
      expect(refused.sheddable + refused.normal).toBeGreaterThan(offered / 10);
      expect(refused.sheddable).toBeGreaterThan(2 * refused.normal);
      expect(refused.critical).toBeLessThan(offered / 100);
    });

    test("soon after it nothing is refused any more, and the limit is out of the way", () => {
      const busy = server();
      busy.run(peak * 3, 10_000);
      expect(busy.limit.limit).toBeLessThan(10);
      busy.run(peak / 4, 2_000);
      expect(busy.run(peak / 4, 5_000).refused.normal).toBe(0);
      expect(busy.limit.limit).toBe(2_000);
    });

    test("eight calls that come at once are let in, and answered one by one", () => {
      const { refused, tookMs } = server().run(peak / 3, 20_000, { burst: 8 });
      expect(refused.normal).toBe(0);
      expect(Math.min(...tookMs)).toBeLessThan(2.1 * workMs);
      expect(Math.max(...tookMs)).toBeLessThan(10 * workMs);
    });
  },
);

/** A loop whose turns end when `endTurn` is called. */
function manualLoop(utilisation: () => number, cpuMs: () => number) {
  const ends: ((nowMs: number) => void)[] = [];
  const loop: LoopMeter = {
    utilisation,
    cpuMs,
    nowMs: () => 0,
    afterTurn(end) {
      ends.push(end);
    },
  };
  const endTurn = (nowMs: number) => {
    for (const end of ends.splice(0)) end(nowMs);
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
  unloaded.observe(10);
  unloaded.settle(true);
  /** For each tenth of a second as many calls as are let in of `calls`, all of which end after `tookMs`. */
  const run = (windows: number, calls: number, tookMs: number): number => {
    let refused = 0;
    for (let window = 0; window < windows; window++) {
      const entered: number[] = [];
      for (let call = 0; call < calls; call++) {
        if (limit.refusal("normal", unloaded.ms)) refused++;
        else entered.push(limit.enter("normal", nowMs));
      }
      endTurn(nowMs);
      nowMs += 100;
      const ended = {
        priority: "normal",
        enteredAtMs: nowMs - tookMs,
        begunAtMs: undefined,
        ending: "answered",
        unloaded,
      } as const;
      for (const _ of entered) limit.leave(ended, nowMs);
      endTurn(nowMs);
    }
    return refused;
  };
  run(30, 1, 10);
  return { limit, unloaded, run };
}

describe("a process that has just begun, whose code becomes ten times as fast as it is compiled", () => {
  const workMs = (call: number) => 1 + 9 * Math.exp(-call / 300);

  test("refuses nobody of those whom it can soon keep up with", () => {
    const { refused, tookMs } = new VirtualServer(workMs, 0.1).run(150, 20_000);
    expect(refused.normal).toBe(0);
    expect(Math.max(...tookMs)).toBeLessThan(500);
  });

  test("refuses as others do once it has had its time", () => {
    const server = new VirtualServer(workMs, 0.1);
    server.run(150, 10_000);
    server.run(3_000, 5_000);
    const { refused, tookMs } = server.run(3_000, 10_000);
    expect(refused.normal).toBeGreaterThan(15_000);
    expect(p99(tookMs)).toBeLessThan(20);
  });
});

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

test("enough to keep the processor busy is let in however strained it is, also where other work is to blame", () => {
  const { run } = limitAt(1);
  expect(run(50, 100, 5_000)).toBeGreaterThan(0);
  expect(run(50, 8, 5_000)).toBe(0);
});

test("a call that cannot end in time is refused at once, where it is the server's fault", () => {
  const strained = limitAt(1);
  strained.run(30, 10, 50);
  expect(strained.limit.slowness).toBe(5);
  const refusal = (remainingMs: number) =>
    strained.limit.refusal("critical", strained.unloaded.ms, remainingMs);
  expect([refusal(49), refusal(51), refusal(Number.POSITIVE_INFINITY)]).toEqual([
    "deadline",
    undefined,
    undefined,
  ]);
  const idle = limitAt(0.5);
  idle.run(30, 10, 50);
  expect(idle.limit.refusal("normal", 10, 1)).toBeUndefined();
});

test("nobody is let in who would wait for a second, or past the deadline; critical calls are the last refused", () => {
  let [nowMs, cpuMs] = [0, 0];
  const { loop, endTurn } = manualLoop(
    () => 0.5,
    () => cpuMs,
  );
  const limit = new ConcurrencyLimit(loop);
  const unloaded = new UnloadedTime();
  for (let call = 0; call < 20; call++) {
    const enteredAtMs = limit.enter("normal", nowMs);
    nowMs += 100;
    cpuMs += 100;
    const ending = "answered";
    limit.leave({ priority: "normal", enteredAtMs, begunAtMs: enteredAtMs, ending, unloaded }, nowMs);
    endTurn(nowMs);
  }
  const refusals = (remainingMs?: number) =>
    PRIORITIES.map((one) => limit.refusal(one, unloaded.ms, remainingMs));
  const queue = (calls: number) => {
    for (let call = 0; call < calls; call++) limit.start(nowMs + 2, () => {});
  };
  limit.start(nowMs, () => {});
  queue(8);
  expect(limit.queued).toBe(8);
  expect(refusals()).toEqual([undefined, undefined, "event_loop"]);
  expect(refusals(850)).toEqual(["deadline", "deadline", "event_loop"]);
  queue(3);
  expect(refusals()).toEqual(["event_loop", "event_loop", "event_loop"]);
});

test("calls keep nobody out who matters more, however many of them are in flight", () => {
  const { loop } = manualLoop(
    () => 0,
    () => 0,
  );
  const limit = new ConcurrencyLimit(loop, { maxLimit: 10 });
  const refusals = () => PRIORITIES.map((one) => limit.refusal(one, 0));
  const enter = (priority: PriorityName, calls: number) => {
    for (let call = 0; call < calls; call++) limit.enter(priority, 0);
  };
  enter("sheddable", 7);
  expect(refusals()).toEqual([undefined, undefined, "concurrency"]);
  enter("normal", 9);
  expect(refusals()).toEqual([undefined, "concurrency", "concurrency"]);
  enter("critical", 10);
  expect(refusals()).toEqual(["concurrency", "concurrency", "concurrency"]);
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
      const open: { priority: PriorityName; enteredAtMs: number }[] = [];
      for (const { waitMs, calls, ends, ending, turnEnds, ...used } of steps) {
        nowMs += waitMs;
        utilisation = used.utilisation;
        cpuMs += used.cpuMs;
        for (const priority of calls) {
          const [critical, normal, sheddable] = PRIORITIES.map((one) => limit.refusal(one, unloaded.ms));
          if (critical) expect(normal).toBeDefined();
          if (normal) expect(sheddable).toBeDefined();
          if (limit.inFlight === 0 && sheddable) expect(sheddable).toBe("event_loop");
          if (limit.refusal(priority, unloaded.ms)) continue;
          open.push({ priority, enteredAtMs: limit.enter(priority, nowMs) });
          const least = PRIORITIES.indexOf(priority);
          const ahead = open.filter((one) => PRIORITIES.indexOf(one.priority) <= least);
          expect(ahead.length).toBeLessThanOrEqual(Math.max(1, limit.limit));
        }
        for (const { priority, enteredAtMs } of open.splice(0, ends)) {
          limit.leave({ priority, enteredAtMs, begunAtMs: enteredAtMs, ending, unloaded }, nowMs);
        }
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
