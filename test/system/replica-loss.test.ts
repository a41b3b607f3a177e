import { consulDiscovery, createMeshTransport } from "@antiphon/mesh";
import { until } from "@antiphon/mesh/testing";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startLoad } from "../src/load.ts";
import { handledCalls } from "../src/metrics.ts";
import { theSystem } from "../src/system.ts";

test("no idempotent call fails when a replica is killed, a new one gets traffic, and Consul may be away", async () => {
  const { system, tracks } = await theSystem();
  const discovery = consulDiscovery({ url: system.consul.url });
  const transport = createMeshTransport({ target: "consul:///catalog", discovery });
  const catalog = createClient(CatalogService, transport);
  const trackId = tracks[0]?.id ?? "";
  const getTrack = () => catalog.getTrack({ trackId });
  const victim = system.instance("catalog", 1);

  // Fast at first, so that the victim has surely been in use.
  const before = await handledCalls(victim, "GetTrack");
  const warmUp = startLoad(400, getTrack);
  await until(async () => (await handledCalls(victim, "GetTrack")) - before >= 1000, {
    what: "1,000 calls answered by the replica that will be killed",
    timeoutMs: 60_000,
  });
  expect((await warmUp.stop()).failures).toEqual([]);

  const load = startLoad(100, getTrack);
  await until(() => load.sent > 100, { what: "load" });
  await system.kill("catalog", 1);
  const killedAt = load.sent;
  await until(() => load.sent > killedAt + 300, { what: "3 s of load after the kill" });

  const newcomer = await system.startReplica("catalog");
  await until(async () => (await handledCalls(newcomer, "GetTrack")) > 20, {
    what: "traffic at the new replica",
    // Where its first calls are slow, that is remembered longer than it takes to warm up.
    timeoutMs: 30_000,
  });

  await system.consul.stop();
  const consulStoppedAt = load.sent;
  await until(() => load.sent > consulStoppedAt + 300, { what: "3 s of load without Consul" });
  const report = await load.stop();
  await system.consul.restart();
  await victim.restart();
  transport.close();

  expect(report.calls).toBeGreaterThan(700);
  expect(report.failures).toEqual([]);
});
