import { until } from "@antiphon/mesh/testing";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeConsul } from "./fake-consul.fixture.ts";
import { Roster } from "./roster.ts";

let consul: FakeConsul;
let roster: Roster;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  consul = new FakeConsul();
  await consul.start();
  stop = new AbortController();
  roster = new Roster({ consulUrl: consul.url, log: pino({ level: "silent" }), signal: stop.signal });
});
afterEach(async () => {
  stop.abort();
  await running;
  await consul.stop();
});

const ids = () => roster.instances.value?.map(({ id }) => id).join(" ");
const becomes = (expected: string) =>
  until(() => ids() === expected, { what: `the roster to be "${expected}"` });

test("instances come, change and go, and services with them", async () => {
  consul.set({ catalog: ["c1", "c2"], player: ["p1"] }, 10);
  running = roster.run();
  await becomes("c1 c2 p1");
  consul.set({ catalog: ["c2"], player: ["p1"] }, 11);
  await becomes("c2 p1");
  consul.set({ catalog: ["c2"], search: ["s1", "s2"] }, 12);
  await becomes("c2 s1 s2");
});

test("the list is whole from the first time it is told", async () => {
  consul.set({ catalog: ["c1"], player: ["p1"], search: ["s1"] }, 10);
  running = roster.run();
  const { value: first } = await roster.instances.watch(stop.signal).next();
  expect(first).toHaveLength(3);
});

test("nothing is asked twice while nothing changes", async () => {
  consul.set({ catalog: ["c1"] }, 10);
  running = roster.run();
  await becomes("c1");
  await until(() => consul.asked.filter((path) => path.endsWith("index=10")).length === 3);
  expect(consul.asked).toHaveLength(6);
});

test("while Consul is away the last list stays, and afterwards it is followed again", async () => {
  consul.set({ catalog: ["c1"] }, 10);
  running = roster.run();
  await becomes("c1");
  await consul.stop();
  const asked = consul.asked.length;
  consul.set({ catalog: ["c1", "c2"] }, 11);
  expect(ids()).toBe("c1");
  await consul.start();
  await becomes("c1 c2");
  expect(consul.asked.length).toBeGreaterThan(asked);
});

test("a Consul that has forgotten everything does not empty the list", async () => {
  consul.set({ catalog: ["c1"] }, 100);
  running = roster.run();
  await becomes("c1");
  consul.set({}, 3);
  await until(() => consul.asked.at(-1)?.endsWith("index=3"));
  expect(ids()).toBe("c1");
  consul.set({ catalog: ["c2"] }, 4);
  await becomes("c2");
});
