import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { BalanceAlgorithm } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { Code, ConnectError, createClient, type ServiceImpl } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { startMesh, type TestService } from "../../testing/test-mesh.ts";
import { until } from "../../testing/until.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import { readPolicy } from "../policy/read-policy.ts";
import { serve } from "../server/served.ts";
import { debugSnapshot } from "../telemetry/debug-targets.ts";
import { createMeshTransport } from "./mesh-transport.ts";

type Handlers = Partial<ServiceImpl<typeof EchoService>>;

/** Replicas that answer with their version. */
function version(name: string, replicas = 1, handlers: Handlers = {}): TestService {
  const served = [serve(EchoService, { ...echoService(name), ...handlers })];
  return { name: "echo", version: name, replicas, served };
}

async function meshOf(...services: TestService[]) {
  const mesh = await startMesh({ services });
  onTestFinished(() => mesh.stop());
  const deps = mesh.deps("caller");
  const own = deps.client(EchoService);
  const shown = () => debugSnapshot().find(({ target }) => target === "consul:///echo")!;
  const endpoints = () => shown().endpoints;
  await until(() => endpoints().every(({ link }) => link === "ready") && endpoints().length > 0);
  const actions = async () => {
    const metric = await deps.metrics.getSingleMetric("mesh_policy_actions_total")!.get();
    return Object.fromEntries(metric.values.map(({ labels, value }) => [labels.action, value]));
  };
  const versionsFor = async (listener: string | undefined, calls = 20) => {
    const called = mesh.client(EchoService, listener ? { listener: { id: listener } } : {});
    const answers = await Promise.all(Array.from({ length: calls }, () => called.echo({})));
    return new Set(answers.map(({ instanceId }) => instanceId));
  };
  return { mesh, own, actions, shown, endpoints, versionsFor, deps };
}

const half = {
  split: [
    { version: "1", percent: 50 },
    { version: "2", percent: 50 },
  ],
};
const method = (more: object) => ({ methods: [{ method: "antiphon.mesh.v1.EchoService/Echo", ...more }] });
const ms = (value: number) => ({
  seconds: BigInt(Math.floor(value / 1_000)),
  nanos: (value % 1_000) * 1_000_000,
});

test("a listener stays with one version, listeners are spread over both", async () => {
  const { mesh, versionsFor } = await meshOf(version("1"), version("2"));
  mesh.policy("echo", { routing: half });
  const seen = new Set<string>();
  for (let listener = 0; listener < 16; listener++) {
    const versions = await versionsFor(`lst_${listener}`, 5);
    expect(versions.size).toBe(1);
    for (const one of versions) seen.add(one);
  }
  expect(seen).toEqual(new Set(["1", "2"]));
});

test("a share of 0 and a share of 100 are exact, and a policy that changes is followed by the next call", async () => {
  const { mesh, versionsFor } = await meshOf(version("1"), version("2"));
  const all = (chosen: string, other: string) => ({
    routing: {
      split: [
        { version: chosen, percent: 100 },
        { version: other, percent: 0 },
      ],
    },
  });
  for (const [chosen, other] of [
    ["1", "2"],
    ["2", "1"],
  ] as const) {
    mesh.policy("echo", all(chosen, other));
    expect(await versionsFor(undefined)).toEqual(new Set([chosen]));
  }
  mesh.policy("echo", undefined);
  expect((await versionsFor(undefined, 60)).size).toBe(2);
});

test("a header decides for its call", async () => {
  const { mesh, own } = await meshOf(version("1"), version("2"));
  const header = { name: "x-canary", value: "yes" };
  mesh.policy("echo", {
    routing: { headers: [{ header, version: "2" }], split: [{ version: "1", percent: 100 }] },
  });
  expect((await own.echo({}, { headers: { "x-canary": "yes" } })).instanceId).toBe("2");
  expect((await own.echo({})).instanceId).toBe("1");
});

test("a version without endpoints is replaced by any, and that is counted", async () => {
  const { mesh, own, actions } = await meshOf(version("1"));
  mesh.policy("echo", { routing: { split: [{ version: "9", percent: 100 }] } });
  expect((await own.echo({})).instanceId).toBe("1");
  expect(await actions()).toEqual({ other_version: 1 });
});

test("a canary that only fails costs an idempotent call nothing: it goes on to another version", async () => {
  const broken = () => {
    throw new ConnectError("not yet", Code.Unavailable);
  };
  const { mesh, own } = await meshOf(version("1"), version("2", 1, { echo: broken }));
  mesh.policy("echo", { routing: { split: [{ version: "2", percent: 100 }] } });
  for (let call = 0; call < 10; call++) expect((await own.echo({})).instanceId).toBe("1");
});

test("a mirrored call reaches the other version too, and nobody waits for it or hears of its failure", async () => {
  const copies: string[] = [];
  const slow = async ({ text }: { text: string }) => {
    copies.push(text);
    throw new ConnectError("mirror", Code.Internal);
  };
  const { mesh, own, actions } = await meshOf(version("1"), version("2", 1, { echo: slow, echoOnce: slow }));
  mesh.policy("echo", {
    routing: { split: [{ version: "1", percent: 100 }] },
    mirror: { version: "2", percent: 100 },
  });
  expect(await own.echo({ text: "twice" })).toMatchObject({ text: "twice", instanceId: "1" });
  await until(() => copies.length === 1);
  expect(copies).toEqual(["twice"]);
  await own.echoOnce({ text: "once" });
  expect(await actions()).toEqual({ mirrored: 1 });
});

test("a call that takes too long is hedged, and the faster answer counts", async () => {
  let slow = 0;
  const stuck = async (_request: unknown, { signal }: { signal: AbortSignal }): Promise<object> => {
    slow++;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return {};
  };
  const { mesh, own, actions } = await meshOf(version("1"), version("2", 1, { echo: stuck }));
  mesh.policy("echo", {
    ...method({ hedge: { delay: ms(30) } }),
    routing: { split: [{ version: "2", percent: 100 }] },
  });
  expect((await own.echo({})).instanceId).toBe("1");
  expect(slow).toBe(1);
  expect(await actions()).toMatchObject({ hedged: 1, hedge_won: 1 });
});

test("hedges stay within the budget, and are not sent where no other endpoint is", async () => {
  const late = { echo: () => new Promise<object>((resolve) => setTimeout(resolve, 60, {})) };
  const { mesh, own, actions, endpoints } = await meshOf(version("1", 2, late));
  mesh.policy("echo", { ...method({ hedge: { delay: ms(5) } }), retryBudget: { ratio: 0.1, perSecond: 0 } });
  await Promise.all(Array.from({ length: 50 }, () => own.echo({})));
  expect((await actions()).hedged).toBe(5);
  await mesh.kill("echo", 0);
  await until(() => endpoints().some(({ link }) => link !== "ready"));
  mesh.policy("echo", { ...method({ hedge: { delay: ms(5) } }), retryBudget: { perSecond: 1_000 } });
  await own.echo({});
  expect((await actions()).hedged).toBe(5);
});

test("an attempt that times out is sent elsewhere under the same deadline", async () => {
  const stuck = () => new Promise<object>(() => {});
  const { mesh, own, actions } = await meshOf(version("1"), version("2", 1, { echo: stuck }));
  mesh.policy("echo", {
    ...method({ retry: { attempts: 2, perAttemptTimeout: ms(50) } }),
    routing: { split: [{ version: "2", percent: 100 }] },
  });
  expect((await own.echo({})).instanceId).toBe("1");
  expect(await actions()).toMatchObject({ attempt_timeout: 1 });
});

test("a policy shortens a method's deadline and takes its retries away", async () => {
  let calls = 0;
  const never = () => {
    calls++;
    return new Promise<object>(() => {});
  };
  const { mesh, own } = await meshOf(version("1", 2, { echo: never }));
  mesh.policy("echo", method({ timeout: ms(40) }));
  await expect(own.echo({})).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  mesh.policy("echo", {
    ...method({ retry: { attempts: 1 } }),
    faults: [{ percent: 100, abortCode: Code.Unavailable }],
  });
  await expect(own.echo({})).rejects.toMatchObject({ code: Code.Unavailable, attempt: 1 });
  expect(calls).toBe(1);
});

test("faults delay and abort those attempts that they name", async () => {
  const { mesh, own, actions } = await meshOf(version("1"));
  const header = { name: "x-drill", value: "" };
  mesh.policy("echo", { faults: [{ percent: 100, header, delay: ms(50), abortCode: Code.DataLoss }] });
  const startedAtMs = performance.now();
  const drill = own.echo({}, { headers: { "x-drill": "1" } });
  await expect(drill).rejects.toMatchObject({
    code: Code.DataLoss,
    rawMessage: "a fault that its policy injects",
  });
  expect(performance.now() - startedAtMs).toBeGreaterThan(45);
  await own.echo({});
  expect(await actions()).toEqual({ delayed: 1, aborted: 1 });
});

test("a policy of nonsense is refused where everybody looks, and the last good one stays", async () => {
  const { mesh, own, shown, deps } = await meshOf(version("1"));
  mesh.policy("echo", { routing: { split: [{ version: "1", percent: 100 }] } });
  mesh.policy("echo", { routing: { split: [{ version: "1", percent: -3 }] } });
  await own.echo({});
  expect(shown().policy).toMatchObject({
    state: "refused",
    refused: expect.stringContaining("routing.split[0].percent"),
    policy: { routing: { split: [{ version: "1", percent: 100 }] } },
  });
  expect(await deps.metrics.metrics()).toContain('mesh_policy_state{dst_service="echo",state="refused"} 1');
});

test("how calls are spread is the policy's", async () => {
  const { mesh, own, shown } = await meshOf(version("1", 3));
  mesh.policy("echo", { balance: { algorithm: BalanceAlgorithm.ROUND_ROBIN, slowStart: ms(0) } });
  for (let call = 0; call < 9; call++) await own.echo({});
  const { balance, endpoints, recentPicks, summary } = shown();
  expect(balance.algorithm).toBe("round_robin");
  expect(summary).toBe("3 of 3 endpoints get calls");
  expect(recentPicks[0]).toMatchObject({ method: "antiphon.mesh.v1.EchoService/Echo", reason: "its turn" });
  expect(endpoints.map(({ picks }) => picks)).toEqual([3, 3, 3]);
});

test("with ring hash, calls with the same field or header go to the same endpoint", async () => {
  const { mesh, own } = await meshOf(version("a"), version("b"), version("c"));
  const slowStart = ms(0);
  mesh.policy("echo", {
    balance: { algorithm: BalanceAlgorithm.RING_HASH, hash: { case: "hashField", value: "text" }, slowStart },
  });
  const ownerOf = new Map<string, string>();
  for (let call = 0; call < 60; call++) {
    const text = `track ${call % 30}`;
    const { instanceId } = await own.echo({ text, numbers: [BigInt(call)] });
    expect(instanceId).toBe(ownerOf.get(text) ?? instanceId);
    ownerOf.set(text, instanceId);
  }
  expect(new Set(ownerOf.values()).size).toBe(3);
  mesh.policy("echo", {
    balance: {
      algorithm: BalanceAlgorithm.RING_HASH,
      hash: { case: "hashHeader", value: "x-key" },
      slowStart,
    },
  });
  const owners = new Set<string>();
  for (let call = 0; call < 10; call++) {
    owners.add((await own.echo({ text: `${call}` }, { headers: { "x-key": "one" } })).instanceId);
  }
  expect(owners.size).toBe(1);
});

test("when an endpoint is left out is the policy's", async () => {
  const failing = version("failing", 1, {
    echo: () => {
      throw new ConnectError("broken", Code.Internal);
    },
  });
  const { mesh, own, shown, endpoints } = await meshOf(failing, version("good"));
  const ejection = { consecutiveFailures: 1, baseTime: ms(70_000), maxTime: ms(80_000) };
  mesh.policy("echo", { balance: { ejection, warningWeight: 0.25 } });
  const stateOfFailing = () => endpoints().find(({ version }) => version === "failing")?.state;
  await until(async () => {
    await own.echo({}).catch(() => {});
    return stateOfFailing() === "ejected";
  });
  expect(shown().balance).toMatchObject({
    warningWeight: 0.25,
    ejection: { consecutiveFailures: 1, baseMs: 70_000, maxMs: 80_000, failureRatio: 0.5 },
  });
});

test("the first call waits for the word on its policy, and goes where that sends it", async () => {
  const mesh = await startMesh({ services: [version("1"), version("2")] });
  onTestFinished(() => mesh.stop());
  const tell = Promise.withResolvers<Parameters<PolicySource["watch"]>[1]>();
  const late: PolicySource = {
    watch(_service, onState) {
      tell.resolve(onState);
      return { close() {} };
    },
  };
  const transport = createMeshTransport({
    target: "consul:///echo",
    discovery: staticDiscovery({
      echo: mesh.replicas("echo").map(({ registration }) => ({ ...registration, weight: 1 })),
    }),
    policies: late,
  });
  onTestFinished(() => transport.close());
  const calls = Promise.all([1, 2, 3, 4, 5].map(() => createClient(EchoService, transport).echo({})));
  await until(() => transport.debugSnapshot().endpoints.filter(({ link }) => link === "ready").length === 2);
  const onlyTwo = { routing: { split: [{ version: "2", percent: 100 }] } };
  (await tell.promise)({ policy: readPolicy(JSON.stringify(onlyTwo)), refused: undefined });
  expect(new Set((await calls).map(({ instanceId }) => instanceId))).toEqual(new Set(["2"]));
});
