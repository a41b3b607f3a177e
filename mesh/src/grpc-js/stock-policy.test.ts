import { BalanceAlgorithm } from "@antiphon/proto/antiphon/mesh/v1/policy";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { runInScope } from "../call-scope.ts";
import { propagation } from "./index.ts";
import { failing, named, stockEcho } from "./stock-echo.fixture.ts";

const ms = (value: number) => ({ seconds: 0n, nanos: value * 1_000_000 });
const all = (version: string) => ({ routing: { split: [{ version, percent: 100 }] } });

test("a stock client goes to the version of the policy, and follows its changes", async () => {
  const { call, policy, service, metrics, allReady } = await stockEcho(
    all("2"),
    named("1").handlers,
    named("2").handlers,
  );
  await allReady();
  for (let time = 0; time < 5; time++) expect(await call()).toBe("2");
  policy({ routing: { headers: [{ header: { name: "x-who" }, version: "2" }], ...all("1").routing } });
  for (let time = 0; time < 5; time++) expect(await call()).toBe("1");
  expect(await call({ headers: { "x-who": "me" } })).toBe("2");
  expect(await metrics.metrics()).toContain(`mesh_policy_state{dst_service="${service}",state="followed"} 1`);
});

test("how its calls are spread is the policy's, and its picks are shown with their reasons", async () => {
  const roundRobin = { algorithm: BalanceAlgorithm.ROUND_ROBIN, slowStart: ms(0) };
  const { call, shown, allReady } = await stockEcho(
    { balance: roundRobin },
    named("1").handlers,
    named("2").handlers,
  );
  await allReady();
  const before = shown()!.endpoints.map(({ picks }) => picks);
  for (let time = 0; time < 8; time++) await call();
  const { client, policy, recentPicks, endpoints } = shown()!;
  expect(endpoints.map(({ picks }, index) => picks - before[index]!)).toEqual([4, 4]);
  expect({ client, policy: policy.state, reason: recentPicks[0]?.reason }).toEqual({
    client: "grpc-js",
    policy: "followed",
    reason: "its turn",
  });
});

test("a call that may be repeated goes to another endpoint, one that may not does not", async () => {
  const away = failing(grpc.status.UNAVAILABLE);
  const { call, metrics, service } = await stockEcho(undefined, away.handlers, named("good").handlers);
  for (let time = 0; away.calls === 0 || time < 10; time++) expect(await call()).toBe("good");
  expect(await metrics.metrics()).toMatch(
    new RegExp(`mesh_retries_total\\{.*dst_service="${service}",kind="budget"\\} [1-9]`),
  );
  const alone = failing(grpc.status.UNAVAILABLE);
  const once = await stockEcho(undefined, alone.handlers);
  await expect(once.call({ method: "echoOnce" })).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
  expect(alone.calls).toBe(1);
});

test("retries stay within the budget, and a call without any left ends as its last attempt did", async () => {
  const away = failing(grpc.status.UNAVAILABLE);
  const { call } = await stockEcho({ retryBudget: { ratio: 0.2, perSecond: 0 } }, away.handlers);
  for (let time = 0; time < 50; time++) {
    await expect(call()).rejects.toMatchObject({ details: "failed as asked" });
  }
  expect(away.calls).toBeGreaterThan(50);
  expect(away.calls).toBeLessThanOrEqual(60);
});

test("where its whole subset dies, others come in for it", async () => {
  const servers = [named("1"), named("2"), named("3")];
  const { call, shown, kill } = await stockEcho(
    { balance: { subsetSize: 1 } },
    ...servers.map(({ handlers }) => handlers),
  );
  const name = await call();
  await kill(name);
  await until(() => shown()!.endpoints.length > 1);
  expect(await call()).not.toBe(name);
});

test("its transitions are counted, and an ejection is seen", async () => {
  const broken = failing(grpc.status.INTERNAL);
  const ejection = { consecutiveFailures: 2, baseTime: { seconds: 50n } };
  const { call, metrics, service, shown } = await stockEcho(
    { balance: { ejection } },
    broken.handlers,
    named("good").handlers,
  );
  await until(async () => {
    await call().catch(() => {});
    return shown()?.endpoints.some(({ state }) => state === "ejected");
  });
  expect(broken.calls).toBe(2);
  expect(await metrics.metrics()).toContain(
    `mesh_endpoint_transitions_total{dst_service="${service}",state="ejected",cause="consecutive_failures"} 1`,
  );
  expect(await metrics.metrics()).toContain(`mesh_lb_endpoints{dst_service="${service}",state="ejected"} 1`);
});

test("a policy's timeout bounds a call, and its faults end calls before they are sent", async () => {
  const silent = { echo: () => {}, echoOnce: () => {} };
  const method = "antiphon.mesh.v1.EchoService/Echo";
  const late = await stockEcho({ methods: [{ method, timeout: ms(50) }] }, silent);
  await expect(late.call()).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
  const spared = named("1");
  const fault = { percent: 100, abortCode: grpc.status.UNAVAILABLE, header: { name: "x-drill" } };
  const drill = await stockEcho({ faults: [fault] }, spared.handlers);
  await drill.call();
  await expect(drill.call({ headers: { "x-drill": "1" } })).rejects.toMatchObject({
    code: grpc.status.UNAVAILABLE,
  });
  expect(spared.calls).toBe(1);
});

test("what a handler has to hand on goes with its calls, where the client is told to", async () => {
  const peer = named("1");
  const { call } = await stockEcho(undefined, peer.handlers);
  const scope = {
    listener: { id: "lst_1", operator: false },
    proof: { token: "proof", expiresAtMs: Date.now() + 60_000 },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    deadlineAtMs: performance.now() + 2_000,
  };
  await runInScope(scope, () => call({ options: { interceptors: [propagation] } }));
  const { metadata } = peer;
  expect(metadata?.get("antiphon-listener")).toEqual(["lst_1"]);
  expect(metadata?.get("antiphon-proof")).toEqual(["proof"]);
  expect(metadata?.get("traceparent")).toEqual([scope.traceparent]);
  const late = { ...scope, deadlineAtMs: performance.now() - 1 };
  await expect(
    runInScope(late, () => call({ options: { interceptors: [propagation] } })),
  ).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
});
