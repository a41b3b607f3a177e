import { expect, test } from "vitest";
import { continueTrace, traceIdOf } from "./traceparent.ts";

const received = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

test("a trace goes on with a span of its own and the caller's flags", () => {
  const hop = continueTrace(received);
  expect(hop).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/);
  expect(hop).not.toBe(received);
  expect(traceIdOf(hop)).toBe(traceIdOf(received));
});

test.for([
  undefined,
  "",
  "00-xyz",
  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  `${received}-extra`,
])("%j starts a new trace", (malformed) => {
  const started = continueTrace(malformed);
  expect(started).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(continueTrace(malformed)).not.toBe(started);
});

test("many traces are all different", () => {
  const traces = Array.from({ length: 2_000 }, () => traceIdOf(continueTrace(undefined)));
  expect(new Set(traces).size).toBe(2_000);
});
