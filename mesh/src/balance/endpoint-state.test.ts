import fc from "fast-check";
import { expect, test } from "vitest";
import { EndpointStateMachine, type Transition } from "./endpoint-state.ts";

const settings = { slowStartMs: 10_000, warningWeight: 0.5, ejection: { baseMs: 5_000, maxMs: 20_000 } };

function machineOf(over: Partial<typeof settings> = {}) {
  const transitions: Omit<Transition, "endpoint">[] = [];
  const parts = {
    settings: () => ({ ...settings, ...over }),
    random: () => 0.5,
    onTransition: (transition: Omit<Transition, "endpoint">) => transitions.push(transition),
  };
  return { machine: new EndpointStateMachine(parts, 0), transitions };
}

function healthy() {
  const made = machineOf();
  made.machine.connected(0);
  made.machine.tick(10_000);
  return made;
}

test("a new endpoint warms up: its share grows from a tenth to the whole", () => {
  const { machine, transitions } = machineOf();
  expect(machine).toMatchObject({ state: "connecting", admits: false });
  machine.connected(0);
  expect([0, 5_000, 10_000].map((nowMs) => machine.share(nowMs))).toEqual([0.1, 0.5, 1]);
  expect(machine.dueAtMs).toBe(10_000);
  machine.tick(10_000);
  expect(machine).toMatchObject({ state: "healthy", admits: true });
  expect(transitions.map(({ to, cause }) => `${to} ${cause}`)).toEqual([
    "warming connected",
    "healthy warmed_up",
  ]);
});

test("discovery's warning halves its share as long as it lasts", () => {
  const { machine } = healthy();
  machine.warned(true, 11_000);
  expect([machine.state, machine.share(11_000)]).toEqual(["degraded", 0.5]);
  machine.warned(false, 12_000);
  expect([machine.state, machine.share(12_000)]).toEqual(["healthy", 1]);
});

test("each ejection lasts twice as long as the one before, up to a bound, until it was healthy again", () => {
  const { machine } = healthy();
  const lasted: number[] = [];
  let nowMs = 20_000;
  for (let count = 0; count < 4; count++) {
    machine.eject("consecutive_failures", "told to", nowMs);
    expect(machine.state).toBe("ejected");
    lasted.push(machine.dueAtMs - nowMs);
    nowMs = machine.dueAtMs;
    machine.tick(nowMs);
    expect(machine).toMatchObject({ state: "warming", onProbation: true });
  }
  expect(lasted).toEqual([5_000, 10_000, 20_000, 20_000]);
  machine.proven(nowMs);
  machine.tick(nowMs + 10_000);
  machine.eject("probe_failed", "told to", nowMs + 10_000);
  expect(machine.dueAtMs - nowMs - 10_000).toBe(5_000);
});

test("on probation it does not become healthy by waiting", () => {
  const { machine } = healthy();
  machine.eject("failure_ratio", "told to", 20_000);
  machine.tick(30_000);
  machine.tick(1_000_000);
  expect(machine).toMatchObject({ state: "warming", onProbation: true });
});

test("a new connection is a new chance, on probation", () => {
  const { machine } = healthy();
  machine.eject("failure_ratio", "told to", 20_000);
  machine.disconnected("gone", 21_000);
  expect(machine).toMatchObject({ state: "connecting", reason: "gone" });
  machine.connected(21_100);
  expect(machine).toMatchObject({ state: "warming", onProbation: true });
});

test("a connection that is replaced at once costs no warm-up", () => {
  const { machine } = healthy();
  machine.disconnected("GOAWAY", 20_000);
  machine.connected(20_050);
  expect(machine.state).toBe("healthy");
  machine.disconnected("gone", 30_000);
  machine.connected(40_000);
  expect(machine.state).toBe("warming");
});

test("whatever happens, in whatever order, the state is one that the facts support", () => {
  const step = fc.record({
    what: fc.oneof(
      {
        weight: 30,
        arbitrary: fc.constantFrom("connect", "disconnect", "warn", "calm", "eject", "proven", "tick"),
      },
      // Nothing comes after it.
      { weight: 1, arbitrary: fc.constant("leave") },
    ),
    afterMs: fc.nat({ max: 30_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
      const { machine, transitions } = machineOf();
      const facts = { connected: false, left: false, ejected: false };
      let nowMs = 0;
      for (const { what, afterMs } of steps) {
        nowMs += afterMs;
        machine.tick(nowMs);
        const last = transitions.at(-1);
        if (last?.cause === "ejection_over" && last.atMs === nowMs) {
          expect(machine.share(nowMs)).toBeLessThanOrEqual(0.1);
        }
        if (what === "eject") facts.ejected ||= machine.admits;
        if (what === "disconnect") facts.ejected = false;
        if (what === "connect") machine.connected(nowMs);
        else if (what === "disconnect") machine.disconnected("gone", nowMs);
        else if (what === "warn" || what === "calm") machine.warned(what === "warn", nowMs);
        else if (what === "eject") machine.eject("success_rate", "told to", nowMs);
        else if (what === "proven") machine.proven(nowMs);
        else if (what === "leave") machine.leave(nowMs);
        if (what === "connect") facts.connected = true;
        if (what === "disconnect") facts.connected = false;
        if (what === "leave") facts.left = true;

        expect(machine.state === "draining").toBe(facts.left);
        if (!facts.left) expect(machine.state === "connecting").toBe(!facts.connected);
        expect(machine.admits && !(facts.connected && !facts.left)).toBe(false);
        expect(machine.share(nowMs)).toBeGreaterThan(0);
        expect(machine.share(nowMs)).toBeLessThanOrEqual(1);
        if (machine.state === "ejected") expect(facts.ejected).toBe(true);
        if (machine.state === "ejected") expect(machine.dueAtMs).toBeLessThanOrEqual(nowMs + 24_000);
        else facts.ejected = false;
      }
      // Each transition starts where the one before it ended.
      let state: string = "connecting";
      for (const { from, to } of transitions) {
        expect(from).toBe(state);
        expect(to).not.toBe(from);
        state = to;
      }
      expect(machine.state).toBe(state);
    }),
    { numRuns: 300 },
  );
});
