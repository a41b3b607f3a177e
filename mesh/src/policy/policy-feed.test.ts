import { pino } from "pino";
import { expect, test } from "vitest";
import { PolicyFeed } from "./policy-feed.ts";
import type { PolicyState } from "./policy-source.ts";

const share = (percent: number) => JSON.stringify({ routing: { split: [{ version: "2", percent }] } });

function followed() {
  const lines: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const feed = new PolicyFeed("echo", log);
  const states: PolicyState[] = [];
  const watch = feed.subscribe((state) => states.push(state));
  return { feed, states, lines, watch };
}

test("a policy of nonsense is refused, with its field in the log, and the last good one stays", () => {
  const { feed, states, lines } = followed();
  feed.offer(share(100));
  feed.offer(share(-1));
  feed.offer(share(-1));
  expect(states).toHaveLength(2);
  expect(states[1]?.policy).toBe(states[0]?.policy);
  expect(states[1]?.refused).toContain("routing.split[0].percent");
  expect(lines.filter((line) => line.includes("routing.split[0].percent"))).toHaveLength(1);
  feed.offer(share(100));
  expect(states[2]).toMatchObject({ refused: undefined, policy: states[0]?.policy });
});

test("a policy that is deleted ends, also one that was refused", () => {
  const { feed, states } = followed();
  feed.offer(share(100));
  feed.offer("nonsense");
  feed.offer(undefined);
  expect(states.at(-1)).toEqual({ policy: undefined, refused: undefined });
});

test("who comes later is told what is known, not before subscribe returns, and once", async () => {
  const { feed } = followed();
  feed.offer(share(100));
  const states: PolicyState[] = [];
  const watch = feed.subscribe((state) => states.push(state));
  expect(states).toEqual([]);
  await Promise.resolve();
  feed.offer(share(100));
  expect(states).toHaveLength(1);
  watch.close();
  feed.offer(undefined);
  expect(states).toHaveLength(1);
});

test("where nothing is known the defaults may be assumed; what comes later counts", () => {
  const { feed, states, lines } = followed();
  feed.assumeDefaults();
  expect(states).toEqual([{ policy: undefined, refused: undefined }]);
  expect(lines).toHaveLength(1);
  feed.offer(share(100));
  feed.assumeDefaults();
  expect(states).toHaveLength(2);
  expect(states[1]?.policy).toBeDefined();
});
