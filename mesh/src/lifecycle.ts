import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { connect as connectNats, type NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import { AdminServer } from "./admin/admin-server.ts";
import { Readiness } from "./admin/readiness.ts";
import { settlesWithin } from "./bounded.ts";
import type { Clock } from "./clock.ts";
import type { MeshConfig } from "./config.ts";
import type { Registrar, Registration } from "./discovery/discovery.ts";
import { newId } from "./ids.ts";
import { healthService } from "./server/health.ts";
import { GrpcHost } from "./server/host.ts";
import { reflectionService } from "./server/reflection.ts";
import type { Served } from "./server/served.ts";
import type { ServiceDeps } from "./service-deps.ts";
import { serviceNameOf } from "./service-name.ts";
import type { Logger } from "./telemetry/logger.ts";

/** A listener of a process's own, in place of the mesh's gRPC port: the gateway's. */
export interface Edge {
  /** Registered in discovery. */
  readonly port: number;
  /** Stops accepting and resolves when what is in flight is done. */
  drain(): Promise<void>;
}

export interface ServiceParts {
  readonly name: string;
  build(deps: ServiceDeps): Promise<readonly Served[]> | readonly Served[];
  edge?: ((deps: ServiceDeps) => Promise<Edge>) | undefined;
}

/** What a service stands on. */
export interface ServiceGround {
  readonly instanceId: string;
  readonly mesh: MeshConfig;
  readonly registrar: Registrar;
  /** The transport of a target; called once for each. */
  readonly connect: (target: string) => Transport;
  /** What `/debug/mesh` shows. */
  readonly debug: () => unknown;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
}

export interface RunningService {
  readonly deps: ServiceDeps;
  readonly registration: Registration;
  /** Resolves when callers can find it. */
  readonly registered: Promise<void>;
  /** Deregisters, drains, stops. */
  stop(): Promise<void>;
  /** Drops everything without a word, as a crash would. */
  kill(): Promise<void>;
}

const READY_POLL_MS = 100;
const DEREGISTER_MS = 2_000;
const STOP_HOOK_MS = 5_000;

/** The instance's name in discovery and logs. */
export function instanceIdOf(name: string, mesh: MeshConfig): string {
  return (
    mesh.instanceId ??
    newId(name)
      .replace("_", "-")
      .slice(0, name.length + 9)
  );
}

/**
 * Brings a service up: admin port, then what it builds, then its calls, then, once it is ready,
 * discovery. Rejects where it cannot be built or a port cannot be bound, with nothing left behind.
 */
export async function startService(parts: ServiceParts, ground: ServiceGround): Promise<RunningService> {
  const { log, mesh, metrics, clock, registrar } = ground;
  const draining = new AbortController();
  const readiness = new Readiness();
  const admin = new AdminServer({ metrics, readiness, log, debug: ground.debug });
  const transports = new Map<string, Transport>();
  const stopHooks: { name: string; stop: () => Promise<void> | void }[] = [];
  let nats: Promise<NatsConnection> | undefined;

  const deps: ServiceDeps = {
    name: parts.name,
    version: mesh.version,
    instanceId: ground.instanceId,
    zone: mesh.zone,
    log,
    metrics,
    clock,
    signal: draining.signal,
    client: (service, options) =>
      createClient(service, deps.transport(options?.target ?? `consul:///${serviceNameOf(service)}`)),
    transport(target) {
      const transport = transports.get(target) ?? ground.connect(target);
      transports.set(target, transport);
      return transport;
    },
    nats() {
      nats ??= connectNats({
        servers: mesh.natsUrl,
        name: ground.instanceId,
        maxReconnectAttempts: -1,
        waitOnFirstConnect: true,
      });
      return nats;
    },
    readiness: (name, check) => readiness.add(name, check),
    admin: (path, handler) => admin.route(path, handler),
    onStop: (name, stop) => void stopHooks.push({ name, stop }),
  };

  const runStopHooks = async () => {
    if (nats) stopHooks.unshift({ name: "nats", stop: async () => (await nats)?.drain() });
    stopHooks.unshift({ name: "admin", stop: () => admin.close() });
    for (const { name, stop } of stopHooks.reverse()) {
      try {
        const stopped = await settlesWithin(Promise.try(stop), STOP_HOOK_MS);
        if (!stopped) log.warn({ hook: name }, "stop hook did not finish in time");
      } catch (err) {
        log.error({ err, hook: name }, "stop hook failed");
      }
    }
  };

  let host: GrpcHost | undefined;
  let edge: Edge | undefined;
  let registration: Registration;
  try {
    const adminPort = await admin.listen(mesh.host, mesh.adminPort);
    const served = await parts.build(deps);
    edge = await parts.edge?.(deps);
    let port = edge?.port ?? 0;
    if (!edge) {
      host = hostOf(served, readiness, draining.signal, ground);
      port = await host.listen(mesh.host, mesh.port);
    }
    const { version, zone } = mesh;
    registration = {
      id: ground.instanceId,
      service: parts.name,
      host: mesh.host,
      port,
      adminPort,
      version,
      zone,
    };
  } catch (error) {
    draining.abort();
    host?.kill();
    await runStopHooks();
    throw error;
  }
  readiness.phase = "serving";
  log.info({ port: registration.port, adminPort: registration.adminPort }, "serving");

  const leaving = new AbortController();
  const registered = registerWhenReady(registration, registrar, readiness, log, leaving.signal);
  registered.catch(() => {});

  return {
    deps,
    registration,
    registered,
    async stop() {
      readiness.phase = "draining";
      leaving.abort();
      log.info("draining");
      await deregister(registration.id, registrar, log);
      await sleep(mesh.propagationMs);
      draining.abort();
      const edgeDrained = edge ? settlesWithin(edge.drain(), mesh.drainMs) : true;
      const cut = (await host?.drain(mesh.drainMs)) ?? 0;
      if (cut > 0 || !(await edgeDrained)) log.warn({ calls: cut }, "the drain ran out of time");
      await runStopHooks();
      log.info("stopped");
    },
    async kill() {
      leaving.abort();
      draining.abort();
      host?.kill();
      await runStopHooks();
    },
  };
}

function hostOf(
  served: readonly Served[],
  readiness: Readiness,
  signal: AbortSignal,
  ground: ServiceGround,
): GrpcHost {
  const services = served.map(({ service }) => service);
  const typeNames = services.map(({ typeName }) => typeName);
  const ready = async () => (await readiness.report()).ready;
  const host = new GrpcHost(ground);
  for (const part of [...served, healthService(typeNames, ready, signal), reflectionService(services)])
    host.add(part);
  return host;
}

/** Registers once the process is ready. The registrar tries on while the registry is away: a service serves also without it. */
async function registerWhenReady(
  registration: Registration,
  registrar: Registrar,
  readiness: Readiness,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!(await readiness.report()).ready) await sleep(READY_POLL_MS, undefined, { signal });
  signal.throwIfAborted();
  await registrar.register(registration);
  if (!signal.aborted) log.info("registered");
}

async function deregister(id: string, registrar: Registrar, log: Logger): Promise<void> {
  try {
    const done = await settlesWithin(registrar.deregister(id), DEREGISTER_MS);
    if (!done) log.warn("the registry did not answer the deregistration");
  } catch (err) {
    log.warn({ err }, "the registry did not take the deregistration");
  }
}
