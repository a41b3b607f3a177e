import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { type ListenerIdentity, runInScope } from "../src/call-scope.ts";
import { createMeshTransport } from "../src/client/index.ts";
import { systemClock } from "../src/clock.ts";
import { defineConfig, type MeshConfig } from "../src/config.ts";
import type { EndpointInfo, Registrar } from "../src/discovery/discovery.ts";
import { staticDiscovery } from "../src/discovery/static-discovery.ts";
import { newIdentityKeys, readPrivateKey, readPublicKeys } from "../src/identity/identity-keys.ts";
import { type IdentitySigner, identitySigner, identityVerifier } from "../src/identity/listener-proof.ts";
import { instanceIdOf, type RunningService, type ServiceParts, startService } from "../src/lifecycle.ts";
import { type OpenDeps, openDeps, type ServiceGround } from "../src/open-deps.ts";
import type { Served } from "../src/server/served.ts";
import type { ServiceDeps } from "../src/service-deps.ts";
import { serviceNameOf } from "../src/service-name.ts";
import { memoryPolicies, type PolicyInit } from "./memory-policies.ts";

/** A service of a test: its handlers, or how each replica makes its own. */
export type TestService = {
  readonly name: string;
  readonly replicas?: number;
  /** Default that of all. */
  readonly version?: string;
} & ({ readonly served: readonly Served[] } | ServiceParts);

export interface TestMeshOptions {
  readonly services?: readonly TestService[];
  /** For whom `mesh.client` calls where it is not told otherwise. */
  readonly listener?: ListenerIdentity;
  /** Settings other than the defaults: free ports, no wait for propagation, a drain of 2 s, no logs. */
  readonly config?: Partial<MeshConfig>;
}

export interface TestClientOptions {
  readonly listener?: { readonly id: string; readonly operator?: boolean } | undefined;
  readonly target?: string;
}

/** Services of one process on real sockets, found through discovery in memory. */
export interface TestMesh {
  client<S extends DescService>(service: S, options?: TestClientOptions): Client<S>;
  /** The dependencies of a service that the test builds itself, which may name listeners as the gateway does; closed with the mesh. */
  deps(name: string): ServiceDeps;
  /** Starts one more service, or more replicas of one. */
  add(service: TestService): Promise<readonly RunningService[]>;
  replicas(name: string): readonly RunningService[];
  /** Sets the traffic policy of a service for all of its callers; undefined deletes it. */
  policy(service: string, policy: PolicyInit | undefined): void;
  /** Drops a replica's connections as a crash would; discovery is not told. */
  kill(name: string, index: number): Promise<void>;
  stop(): Promise<void>;
}

const meshDefaults = defineConfig({})({
  ANTIPHON_LOG_LEVEL: "silent",
  ANTIPHON_PROPAGATION_MS: "0",
  ANTIPHON_DRAIN_MS: "2000",
});

/**
 * Starts several services on real sockets.
 *
 *     const mesh = await startMesh({ services: [{ name: "echo", served: [serve(EchoService, echo)], replicas: 2 }] });
 *     await mesh.client(EchoService).echo({ text: "hello" });
 *     await mesh.stop();
 */
export async function startMesh(options: TestMeshOptions = {}): Promise<TestMesh> {
  const config: MeshConfig = { ...meshDefaults.mesh, ...options.config };
  const registry = memoryRegistry();
  const running = new Map<string, RunningService[]>();
  const opened: OpenDeps[] = [];

  const keys = newIdentityKeys();
  const signer = identitySigner(readPrivateKey(keys.privateKey), systemClock.now);
  const verifier = identityVerifier(readPublicKeys(keys.publicKey), systemClock.now);
  const policies = memoryPolicies();
  const { discovery } = registry;
  const ground = (name: string, version = config.version, vouches?: IdentitySigner): ServiceGround => {
    const instanceId = instanceIdOf(name, undefined);
    const log = pino({ level: config.logLevel, base: { service: name, instance: instanceId } });
    const metrics = new Registry();
    return {
      name,
      instanceId,
      mesh: { ...config, version },
      registrar: registry,
      discovery,
      identity: verifier,
      connect: (target) =>
        createMeshTransport({
          target,
          discovery,
          policies,
          log,
          metrics,
          clock: systemClock,
          signer: vouches,
        }),
      log,
      metrics,
      clock: systemClock,
    };
  };
  const mesh: TestMesh = {
    client(service, { listener, target = `consul:///${serviceNameOf(service)}` } = {}) {
      const identity = listener
        ? { id: listener.id, operator: listener.operator ?? false }
        : options.listener;
      return createClient(service, onBehalfOf(identity, outside.deps.transport(target)));
    },
    deps(name) {
      const open = openDeps(ground(name, config.version, signer));
      opened.push(open);
      return open.deps;
    },
    async add(service) {
      const parts: ServiceParts = "served" in service ? { build: () => service.served } : service;
      const replicas = Array.from({ length: service.replicas ?? 1 }, () =>
        startService(parts, ground(service.name, service.version)),
      );
      const started = await Promise.all(replicas);
      await Promise.all(started.map(({ registered }) => registered));
      running.set(service.name, [...(running.get(service.name) ?? []), ...started]);
      return started;
    },
    replicas: (name) => running.get(name) ?? [],
    policy: (service, policy) => policies.set(service, policy),
    async kill(name, index) {
      const replica = running.get(name)?.[index];
      if (!replica) throw new Error(`${name} has no replica ${index}`);
      await replica.kill();
    },
    async stop() {
      await Promise.all([...running.values()].flat().map((service) => service.stop()));
      await Promise.all(opened.map((open) => open.close()));
    },
  };
  const outside = openDeps(ground("test", config.version, signer));
  opened.push(outside);
  for (const service of options.services ?? []) await mesh.add(service);
  return mesh;
}

function memoryRegistry(): Registrar & { readonly discovery: ReturnType<typeof staticDiscovery> } {
  const discovery = staticDiscovery();
  const known = new Map<string, EndpointInfo & { service: string }>();
  const publish = (service: string) => {
    discovery.update({ [service]: [...known.values()].filter((endpoint) => endpoint.service === service) });
  };
  return {
    discovery,
    async register({ id, service, host, port, version, zone, contract }) {
      known.set(id, { id, service, host, port, version, zone, contract, weight: 1 });
      publish(service);
    },
    async deregister(id) {
      const service = known.get(id)?.service;
      known.delete(id);
      if (service) publish(service);
    },
  };
}

/** Calls as the gateway would for this listener. */
function onBehalfOf(listener: ListenerIdentity | undefined, transport: Transport): Transport {
  if (!listener) return transport;
  return {
    unary: (...call) => runInScope({ listener }, () => transport.unary(...call)),
    stream: (...call) => runInScope({ listener }, () => transport.stream(...call)),
  };
}
