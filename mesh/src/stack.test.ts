import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import type { Call, CallOutcome } from "./client/call.ts";
import { Cluster } from "./client/cluster.ts";
import { planOf } from "./client/method-plan.ts";
import { addressDiscovery, parseTarget } from "./client/target.ts";
import { systemClock } from "./clock.ts";
import { clientLayers, compile, type Layer } from "./stack.ts";
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
async function send(handlers: EchoHandlers, layers: readonly Layer[], timeoutMs?: number) {
  const replicas = await Promise.all([1, 2, 3].map(() => grpcPeer(handlers)));
  for (const replica of replicas) cleanups.push(() => replica.kill());
  const target = parseTarget(`static:///${replicas.map(({ port }) => `127.0.0.1:${port}`)}`);
  const cluster = new Cluster(target, addressDiscovery, {
    clock: systemClock,
    connect: (endpoint, observer) => new Http2Connection(endpoint, observer),
  });
  cleanups.push(() => cluster.close());
  const registry = new Registry();
  const metrics = new ClientMetrics(registry);
  const plan = planOf(EchoService.method.echo);
  const compiled = compile(plan, { clock: systemClock, cluster, metrics, maxMessageBytes: 1_000 }, layers);
  const call: Call = {
    plan,
    request: frame(new Uint8Array(0)),
    sink: undefined,
    headers: {},
    timeoutMs,
    signal: undefined,
    deadlineAtMs: undefined,
    attempts: 0,
    endpoint: undefined,
    tried: undefined,
    resentFree: false,
    answered: false,
    messagesSent: 0,
    messagesReceived: 0,
    aborted: undefined,
    onAbort: undefined,
  };
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
  const { call, outcome } = await send(silent, clientLayers, 50);
  expect(outcome.code).toBe(Code.DeadlineExceeded);
  expect(call.attempts).toBe(1);
});
