import { request as httpRequest } from "node:http";
import { LoadGuard, systemClock } from "@antiphon/mesh";
import { until } from "@antiphon/mesh/testing";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startEdge, stopEdge, type TestEdge } from "../../testing/edge.ts";

const SIGN_IN = "/antiphon.identity.v1.IdentityService/SignIn";
const REFRESH = "/antiphon.identity.v1.IdentityService/Refresh";
const GET_TRACK = "/antiphon.catalog.v1.CatalogService/GetTrack";
const SEARCH = "/antiphon.search.v1.SearchService/Search";
const WATCH = "/antiphon.recommendation.v1.RecommendationService/WatchRecommendations";

let edge: TestEdge;
let metrics: Registry;
let guard: LoadGuard;
let letGo: () => void;
beforeEach(async () => {
  const { promise: gate, resolve } = Promise.withResolvers<void>();
  letGo = resolve;
  metrics = new Registry();
  const log = pino({ level: "silent" });
  guard = new LoadGuard({ log, metrics, clock: systemClock }, { minLimit: 4, maxLimit: 4 });
  edge = await startEdge({
    guard,
    identity: {
      async signIn() {
        await gate;
        return {};
      },
    },
  });
});
afterEach(async () => {
  letGo();
  await stopEdge(edge);
});

const call = (path: string, type = "application/json") =>
  fetch(`${edge.url}${path}`, { method: "POST", headers: { "content-type": type }, body: "{}" });
const isRefused = async (path: string) => (await call(path)).headers.get("retry-after") !== null;

/** Begins calls that are answered when `letGo` says so. */
async function hold(count: number): Promise<void> {
  const before = guard.snapshot().inFlight;
  for (let index = 0; index < count; index++) call(SIGN_IN).catch(() => {});
  await until(() => guard.snapshot().inFlight === before + count);
}

test("what matters least is given up first", async () => {
  const refused = async () => ({
    sheddable: await isRefused(SEARCH),
    normal: await isRefused(GET_TRACK),
    critical: await isRefused(REFRESH),
  });
  expect(await refused()).toEqual({ sheddable: false, normal: false, critical: false });
  await hold(2);
  expect(await refused()).toEqual({ sheddable: true, normal: false, critical: false });
  await hold(1);
  expect(await refused()).toEqual({ sheddable: true, normal: true, critical: false });
  await hold(1);
  expect(await refused()).toEqual({ sheddable: true, normal: true, critical: true });
});

test("a refusal says so in the protocol of its call, and when to come back", async () => {
  await hold(4);
  const answer = await call(GET_TRACK);
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(await answer.json()).toMatchObject({ code: "unavailable", message: /overloaded/ });
  const passed = await call(GET_TRACK, "application/proto");
  expect([passed.status, passed.headers.get("retry-after")]).toEqual([503, "1"]);
  const web = await call(GET_TRACK, "application/grpc-web+proto");
  expect(await web.text()).toContain("grpc-status: 14");
  const shed = await metrics.getSingleMetric("mesh_shed_total")?.get();
  expect(shed?.values).toContainEqual({ labels: { priority: "normal", reason: "concurrency" }, value: 3 });
});

test("a call that ends makes room, whatever became of it", async () => {
  const gone = new AbortController();
  const body = "{}";
  const given = fetch(`${edge.url}${SIGN_IN}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: gone.signal,
  });
  given.catch(() => {});
  await until(() => guard.snapshot().inFlight === 1);
  gone.abort();
  await until(() => guard.snapshot().inFlight === 0);
  await call(GET_TRACK);
  await call(GET_TRACK, "application/proto");
  await call("/antiphon.identity.v1.IdentityService/GetMe");
  await until(() => guard.snapshot().inFlight === 0);
});

test("neither a stream nor a request that is still being sent counts", async () => {
  const sent = httpRequest(`${edge.url}${SIGN_IN}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": 2 },
  });
  sent.on("error", () => {});
  sent.write("{");
  await until(() => guard.snapshot().inFlight === 1);
  await until(() => guard.snapshot().inFlight === 0);
  const headers = { "content-type": "application/connect+json" };
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from("{}")]);
  const watched = await fetch(`${edge.url}${WATCH}`, { method: "POST", headers, body });
  await watched.arrayBuffer();
  expect(guard.snapshot().inFlight).toBe(0);
  sent.end("}");
  await until(() => guard.snapshot().inFlight === 1);
});
