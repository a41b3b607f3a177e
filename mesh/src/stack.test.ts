import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { until } from "../testing/until.ts";
import { Balancer } from "./balance/balancer.ts";
import { type CallOutcome, newCall } from "./client/call.ts";
import { Cluster } from "./client/cluster.ts";
import { planOf } from "./client/method-plan.ts";
import { addressDiscovery, parseTarget } from "./client/target.ts";
import { systemClock } from "./clock.ts";
import { DEFAULT_RULES, type MethodRules, rulesOf } from "./policy/method-rules.ts";
import { clientLayers, compile, type Layer, type StackParts } from "./stack.ts";
import { ClientMetrics } from "./telemetry/client-metrics.ts";
import { frame } from "./transport/frames.ts";
import { Http2Connection } from "./transport/http2-connection.ts";
import { type EchoHandlers, grpcPeer } from "./transport/peers.fixture.ts";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function swapped(a: string, b: string): readonly Layer[] {
  const layers = [...clientLayers];
  const [first, second] = [a, b].map((name) => layers.findIndex((layer) => layer.name === name));
  [layers[first!], layers[second!]] = [layers[second!]!, layers[first!]!];
  return layers;
}

/** Sends one Echo through the layers, on replicas that all have the same handlers. */
async function send(
  handlers: EchoHandlers,
  layers: readonly Layer[],
  { timeoutMs, rules = DEFAULT_RULES }: { timeoutMs?: number; rules?: MethodRules } = {},
) {
  const replicas = await Promise.all([1, 2, 3].map(() => grpcPeer(handlers)));
  for (const replica of replicas) cleanups.push(() => replica.kill());
  const target = parseTarget(`static:///${replicas.map(({ port }) => `127.0.0.1:${port}`)}`);
  const cluster = new Cluster(target, addressDiscovery, {
    clock: systemClock,
    connect: (endpoint, observer) => new Http2Connection(endpoint, observer),
  });
  cleanups.push(() => cluster.close());
  await until(
    () => cluster.endpoints.length === 3 && cluster.endpoints.every(({ link }) => link === "ready"),
  );
  const registry = new Registry();
  const metrics = new ClientMetrics(registry);
  const plan = planOf(EchoService.method.echo);
  const parts = { clock: systemClock, cluster, metrics, rules, maxMessageBytes: 1_000 };
  const compiled = compile(plan, parts, layers);
  const call = newCall(plan, frame(new Uint8Array(0)), undefined, undefined, timeoutMs, {});
  const outcome = await new Promise<CallOutcome>((resolve) => compiled(call, resolve));
  const started = await registry.getSingleMetric("grpc_client_started_total")!.get();
  return { call, outcome, started: started.values[0]?.value };
}

const away: EchoHandlers = { echo: (_call, answer) => answer({ code: grpc.status.UNAVAILABLE }) };
const silent: EchoHandlers = { echo: () => {} };

test("a call that is sent three times is one call to the metrics", async () => {
  const { call, outcome, started } = await send(away, clientLayers);
  expect(outcome.code).toBe(Code.Unavailable);
  expect(call.attempts).toBe(3);
  expect(started).toBe(1);
});

test("with metrics inside retry, each attempt is counted as a call", async () => {
  const { started } = await send(away, swapped("metrics", "retry"));
  expect(started).toBe(3);
});

test("each attempt goes to an endpoint of its own", async () => {
  const { call } = await send(away, clientLayers);
  expect(new Set(call.tried).size).toBe(3);
});

test("with pick outside retry, every attempt hits the same endpoint", async () => {
  const { call } = await send(away, swapped("retry", "pick"));
  expect(call.attempts).toBe(3);
  expect(new Set(call.tried).size).toBe(1);
});

test("a call has one deadline for all its attempts", async () => {
  const { call, outcome } = await send(silent, clientLayers, { timeoutMs: 50 });
  expect(outcome.code).toBe(Code.DeadlineExceeded);
  expect(call.attempts).toBe(1);
});

test("layers that no policy asks for are not there", () => {
  const plan = planOf(EchoService.method.echo);
  const next = () => {};
  const cluster = { balancer: new Balancer() } as Cluster;
  const optional = clientLayers.filter(({ isOptional }) => isOptional);
  expect(optional).toHaveLength(7);
  for (const { wrap } of optional) {
    expect(wrap(next, plan, { cluster, rules: DEFAULT_RULES } as StackParts)).toBe(next);
  }
});

const badLuck = create(TrafficPolicySchema, { faults: [{ percent: 100, abortCode: Code.Unavailable }] });
const faulty = rulesOf(badLuck, "echo", EchoService.method.echo);

test("a fault is met by each attempt, as it would be met at a bad endpoint", async () => {
  const { call, outcome } = await send(away, clientLayers, { rules: faulty });
  expect(outcome.text).toBe("a fault that its policy injects");
  expect(call.attempts).toBe(3);
});

test("with fault outside retry, nothing is made of it", async () => {
  const { call } = await send(away, swapped("retry", "fault"), { rules: faulty });
  expect(call.attempts).toBe(1);
});

const impatient = { ...DEFAULT_RULES, attemptTimeoutMs: 20 };

test("an attempt that takes too long is sent elsewhere", async () => {
  const { call, outcome } = await send(silent, clientLayers, { rules: impatient });
  expect(outcome.code).toBe(Code.DeadlineExceeded);
  expect(new Set(call.tried).size).toBe(3);
});

test("with attempt timeout outside retry, only the first attempt has one", async () => {
  const layers = swapped("retry", "attempt timeout");
  const { call } = await send(silent, layers, { rules: impatient, timeoutMs: 150 });
  expect(call.attempts).toBe(2);
});
