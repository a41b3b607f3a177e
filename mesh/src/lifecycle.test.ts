import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { echoService } from "../testing/echo.ts";
import { until } from "../testing/until.ts";
import { createMeshTransport } from "./client/index.ts";
import { systemClock } from "./clock.ts";
import { defineConfig, type MeshConfig } from "./config.ts";
import type { Registrar } from "./discovery/discovery.ts";
import { staticDiscovery } from "./discovery/static-discovery.ts";
import { type RunningService, type ServiceParts, startService } from "./lifecycle.ts";
import { serve } from "./server/served.ts";
import { failureOf, StockClient } from "./server/stock-client.fixture.ts";
import type { ServiceDeps } from "./service-deps.ts";

const { echo, echoStream } = EchoService.method;
const running: RunningService[] = [];
afterEach(async () => {
  for (const service of running.splice(0)) await service.kill();
});

interface Recorded {
  readonly events: string[];
  readonly registrar: Registrar;
}

function recorder(overrides: Partial<Registrar> = {}): Recorded {
  const events: string[] = [];
  const registrar: Registrar = {
    async register() {
      events.push("registered");
    },
    async deregister() {
      events.push("deregistered");
    },
    ...overrides,
  };
  return { events, registrar };
}

async function start(
  parts: Partial<ServiceParts> & { readonly config?: Partial<MeshConfig> } = {},
  { registrar }: Recorded = recorder(),
): Promise<RunningService> {
  const { mesh } = defineConfig({})({ ANTIPHON_PROPAGATION_MS: "0", ANTIPHON_DRAIN_MS: "2000" });
  const service = await startService(
    { build: () => [serve(EchoService, echoService())], ...parts },
    {
      name: "echo",
      instanceId: "echo-1",
      mesh: { ...mesh, ...parts.config },
      registrar,
      discovery: staticDiscovery(),
      connect: (target) => createMeshTransport({ target }),
      log: pino({ level: "silent" }),
      metrics: new Registry(),
      clock: systemClock,
    },
  );
  running.push(service);
  return service;
}

function readyz({ registration }: RunningService): Promise<Response> {
  return fetch(`http://127.0.0.1:${registration.adminPort}/readyz`);
}

test("a service is registered with where it listens, once it is ready", async () => {
  const recorded = recorder();
  let missing = true;
  const build = (deps: ServiceDeps) => {
    deps.readiness("index", () => {
      if (missing) throw new Error("loading");
    });
    return [];
  };
  const service = await start({ build }, recorded);
  expect(await (await readyz(service)).json()).toMatchObject({ ready: false, checks: { index: "loading" } });
  expect(recorded.events).toEqual([]);
  missing = false;
  await service.registered;
  expect(recorded.events).toEqual(["registered"]);
  expect(service.registration).toMatchObject({
    id: "echo-1",
    service: "echo",
    host: "127.0.0.1",
    version: "0.1.0",
  });
});

test("a stop deregisters first, answers calls in flight, ends streams, then runs the hooks backwards", async () => {
  const recorded = recorder();
  const { events } = recorded;
  const service = await start(
    {
      build(deps) {
        deps.onStop("first made", () => void events.push("first made stopped"));
        deps.onStop("fails", () => Promise.reject(new Error("no matter")));
        deps.onStop("last made", () => void events.push("last made stopped"));
        const impl = echoService();
        return [
          serve(EchoService, {
            ...impl,
            async *echoStream(request, context) {
              yield* impl.echoStream({ ...request, count: 1 }, context);
              await new Promise((resolve) => deps.signal.addEventListener("abort", resolve));
              events.push("stream ended");
            },
          }),
        ];
      },
    },
    recorded,
  );
  await service.registered;
  const client = new StockClient(service.registration.port);
  const stream = client.open(echoStream);
  stream.end({});
  const drained = new Promise<void>((resolve) => {
    stream.on("data", () => void service.stop().then(resolve));
  });
  const inFlight = client.unary(echo, { text: "kept", delayMs: 100 });
  expect((await inFlight).answer.text).toBe("kept");
  await drained;
  client.close();
  expect(events).toEqual([
    "registered",
    "deregistered",
    "stream ended",
    "last made stopped",
    "first made stopped",
  ]);
});

test("readiness fails as soon as the stop begins, while calls are still taken", async () => {
  const service = await start({ config: { propagationMs: 500 } });
  const client = new StockClient(service.registration.port);
  const stopped = service.stop();
  expect(await (await readyz(service)).json()).toMatchObject({ ready: false, phase: "draining" });
  expect((await client.unary(echo, { text: "not yet propagated" })).answer.text).toBe("not yet propagated");
  await stopped;
  client.close();
});

test("a registry that does not answer neither keeps a service from serving nor from stopping", async () => {
  const never = () => new Promise<void>(() => {});
  const service = await start(
    {},
    recorder({ register: never, deregister: () => Promise.reject(new Error("away")) }),
  );
  const client = new StockClient(service.registration.port);
  expect((await client.unary(echo, { text: "x" })).answer.text).toBe("x");
  client.close();
  await service.stop();
});

test("what cannot be built leaves nothing behind", async () => {
  let stopped = false;
  const build = (deps: ServiceDeps) => {
    deps.onStop("pool", () => {
      stopped = true;
    });
    throw new Error("no such table");
  };
  await expect(start({ build })).rejects.toThrow("no such table");
  expect(stopped).toBe(true);
});

test("an edge process is registered at its own port and drained", async () => {
  const recorded = recorder();
  const service = await start(
    {
      build: () => [],
      edge: async () => ({ port: 8443, drain: async () => void recorded.events.push("edge drained") }),
    },
    recorded,
  );
  await service.registered;
  expect(service.registration.port).toBe(8443);
  await service.stop();
  expect(recorded.events).toEqual(["registered", "deregistered", "edge drained"]);
});

test("an edge process that would serve gRPC too, or whose drain fails, is told and stopped", async () => {
  const edge = async () => ({ port: 8443, drain: () => Promise.reject(new Error("stuck")) });
  await expect(start({ edge })).rejects.toThrow("cannot serve gRPC beside it");
  let hooks = 0;
  const build = (deps: ServiceDeps) => {
    deps.onStop("pool", () => void hooks++);
    return [];
  };
  const service = await start({ build, edge });
  await service.stop();
  await service.kill();
  expect(hooks).toBe(1);
});

test("a killed service drops its connections", async () => {
  let begun = false;
  const impl = echoService();
  const service = await start({
    build: () => [
      serve(EchoService, {
        ...impl,
        echo(request, context) {
          begun = true;
          return impl.echo(request, context);
        },
      }),
    ],
  });
  const client = new StockClient(service.registration.port);
  const failure = failureOf(client.unary(echo, { delayMs: 10_000 }));
  await until(() => begun);
  await service.kill();
  expect(await failure).toMatchObject({ details: expect.any(String) });
  client.close();
});

test("the settings bound a server's load, which is shown at /debug/mesh", async () => {
  const { registration } = await start({ config: { concurrencyMax: 12, shed: false } });
  const debug = await fetch(`http://127.0.0.1:${registration.adminPort}/debug/mesh`);
  expect(await debug.json()).toMatchObject({
    service: "echo",
    server: { sheds: false, limit: 12, inFlight: 0, shed: { critical: 0, normal: 0, sheddable: 0 } },
  });
});
