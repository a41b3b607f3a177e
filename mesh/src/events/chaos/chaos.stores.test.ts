import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshDatabase } from "@antiphon/mesh/testing";
import { type NatsServer, startNats } from "@antiphon/test/src/servers.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ChaosOptions, type ChaosReport, chaos } from "./chaos.ts";

let dir: string;
let nats: NatsServer;
let database: { url: string; drop(): Promise<void> };
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-chaos-"));
  database = await freshDatabase();
  nats = await startNats({ dir });
});
afterEach(async () => {
  await nats.kill();
  await database.drop();
  await rm(dir, { recursive: true, force: true });
});

const run = (options: Pick<ChaosOptions, "kills" | "everyMs" | "events" | "cast" | "drainMs">) =>
  chaos({ nats, databaseUrl: database.url, ...options });

function sentence({ lost, doubled, outOfOrder, audit }: ChaosReport) {
  return { lost, doubled, outOfOrder, first: audit.findings[0] };
}

test("writers, relays, consumers and the broker are killed, and each event is applied once and in order", async () => {
  const report = await run({ kills: 12, everyMs: 1_500, events: 2_000 });
  expect(sentence(report)).toEqual({ lost: 0, doubled: 0, outOfOrder: 0, first: undefined });
  expect(report.drainedMs).toBeLessThan(30_000);
  expect(report.written).toBeGreaterThanOrEqual(2_000);
  expect(Object.keys(report.kills).sort()).toEqual(["batch", "broker", "relay", "single", "writer"]);
}, 120_000);

test("it bites: a relay with a cursor loses what commits late", async () => {
  const cast = ["writer", "writer", "cursor-relay", "single"];
  const { lost } = await run({ kills: 4, everyMs: 1_000, events: 1_000, cast, drainMs: 3_000 });
  expect(lost).toBeGreaterThan(0);
}, 60_000);

test("it bites: a consumer without an inbox applies twice, or out of order", async () => {
  const cast = ["writer", "relay", "forgetful", "forgetful"];
  const { doubled, outOfOrder } = await run({
    kills: 6,
    everyMs: 1_000,
    events: 1_000,
    cast,
    drainMs: 5_000,
  });
  expect(doubled + outOfOrder).toBeGreaterThan(0);
}, 60_000);
