import { pino } from "pino";
import { expect, test } from "vitest";
import { keepRunning, orAborted } from "./keep-running.ts";

function logged() {
  const lines: { reason: string }[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

test("what fails is run again, and the same failure is logged once", async () => {
  const stop = new AbortController();
  const { log, lines } = logged();
  let runs = 0;
  await keepRunning({ what: "it", log, signal: stop.signal, pauseMs: 1 }, async () => {
    runs += 1;
    if (runs === 5) stop.abort();
    throw new Error(runs < 4 ? "NATS is away" : "PostgreSQL is away");
  });
  expect(runs).toBe(5);
  expect(lines.map(({ reason }) => reason)).toEqual(["NATS is away", "PostgreSQL is away"]);
});

test("an abort ends the pause", async () => {
  const stop = new AbortController();
  const { log } = logged();
  const done = keepRunning({ what: "it", log, signal: stop.signal, pauseMs: 60_000 }, async () => {});
  await new Promise(setImmediate);
  stop.abort();
  await done;
});

test("a wait that knows no signal ends with it", async () => {
  const stop = new AbortController();
  const waiting = orAborted(new Promise(() => {}), stop.signal);
  stop.abort(new Error("stopped"));
  await expect(waiting).rejects.toThrow("stopped");
});
