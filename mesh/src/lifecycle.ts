import { setTimeout as sleep } from "node:timers/promises";
import type { Readiness } from "./admin/readiness.ts";
import { settlesWithin } from "./bounded.ts";
import type { MeshConfig } from "./config.ts";
import { contractDigest } from "./contracts/contract-digest.ts";
import type { Registrar, Registration } from "./discovery/discovery.ts";
import { newId } from "./ids.ts";
import { type OpenDeps, openDeps, type ServiceGround } from "./open-deps.ts";
import { healthService } from "./server/health.ts";
import { GrpcHost } from "./server/host.ts";
import { LoadGuard, type LoadGuardOptions } from "./server/load-guard.ts";
import { reflectionService } from "./server/reflection.ts";
import type { Served } from "./server/served.ts";
import type { EdgeDeps, ServiceDeps } from "./service-deps.ts";
import type { Logger } from "./telemetry/logger.ts";

/** A listener of a process's own, in place of the mesh's gRPC port: the gateway's. */
export interface Edge {
  /** Registered in discovery. */
  readonly port: number;
  /** Stops accepting and resolves when what is in flight is done. */
  drain(): Promise<void>;
}

/** What makes a service this service. */
export interface ServiceParts {
  build(deps: ServiceDeps): Promise<readonly Served[]> | readonly Served[];
  readonly edge?: ((deps: EdgeDeps) => Promise<Edge>) | undefined;
}

export interface RunningService {
  readonly deps: ServiceDeps;
  readonly registration: Registration;
  /** Resolves when discovery knows it; rejects when it stops before. */
  readonly registered: Promise<void>;
  /** Deregisters, waits until callers have heard of it, drains, runs the stop hooks. */
  stop(): Promise<void>;
  /** Drops connections without a word, as a crash would. */
  kill(): Promise<void>;
}

const READY_POLL_MS = 100;
const DEREGISTER_MS = 2_000;

/** The instance's name in discovery and logs: the configured one, or `<name>-<random>`. */
export function instanceIdOf(name: string, configured: string | undefined): string {
  return configured ?? `${name}-${newId("i").slice(2, 10)}`;
}

/**
 * Brings a service up: admin port, then what it builds, then its calls, then, once it is ready,
 * discovery. Rejects where it cannot be built or a port cannot be bound, with nothing left behind.
 */
export async function startService(parts: ServiceParts, ground: ServiceGround): Promise<RunningService> {
  const { name, instanceId, log, mesh, registrar } = ground;
  const open = openDeps(ground);
  const { deps, readiness } = open;
  const adminPort = await open.admin.listen(mesh.host, mesh.adminPort);
  let served: readonly Served[];
  let listener: Listener;
  try {
    served = await parts.build(deps);
    listener =
      (await edgeListener(parts, ground, open, served)) ?? (await grpcListener(served, ground, open));
  } catch (error) {
    await open.close();
    throw error;
  }
  const { port } = listener;
  const { host, version, zone } = mesh;
  const contract = parts.edge ? undefined : contractDigest(served.map(({ service }) => service));
  const registration = { id: instanceId, service: name, host, port, adminPort, version, zone, contract };
  readiness.phase = "serving";
  log.info({ port, adminPort }, "serving");

  const leaving = new AbortController();
  const registered = registerWhenReady(registration, registrar, readiness, log, leaving.signal);
  registered.catch((err: unknown) => leaving.signal.aborted || log.error({ err }, "cannot register"));

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
      open.draining.abort();
      await listener.drain();
      await open.close();
      log.info("stopped");
    },
    async kill() {
      leaving.abort();
      listener.kill();
      await open.close();
    },
  };
}

/** What a service is called on. */
interface Listener {
  readonly port: number;
  /** Takes `drainMs` at most. */
  drain(): Promise<void>;
  kill(): void;
}

async function grpcListener(
  served: readonly Served[],
  ground: ServiceGround,
  { readiness, draining, debug }: OpenDeps,
): Promise<Listener> {
  const { log, mesh } = ground;
  const services = served.map(({ service }) => service);
  const typeNames = services.map(({ typeName }) => typeName);
  const ready = async () => (await readiness.report()).ready;
  const host = new GrpcHost({ ...ground, overload: limitsOf(mesh) });
  debug("server", () => host.load());
  for (const part of served) host.add(part);
  host.add(healthService(typeNames, ready, draining.signal));
  host.add(reflectionService(services));
  return {
    port: await host.listen(mesh.host, mesh.port),
    async drain() {
      const calls = await host.drain(mesh.drainMs);
      if (calls > 0) log.warn({ calls }, "calls did not end within the drain");
    },
    kill: () => host.kill(),
  };
}

async function edgeListener(
  { edge: open }: ServiceParts,
  ground: ServiceGround,
  { deps, debug }: OpenDeps,
  served: readonly Served[],
): Promise<Listener | undefined> {
  if (!open) return undefined;
  const { name, log, mesh } = ground;
  if (served.length > 0) throw new Error(`${name} has an edge: it cannot serve gRPC beside it`);
  // An edge's calls wait for services: while it has time to spare, one that is slow shall not hold up the others.
  const guard = new LoadGuard(ground, { ...limitsOf(mesh), minLimit: mesh.concurrencyMax });
  debug("server", () => guard.snapshot());
  const edge = await open({ ...deps, guard });
  const drain = () => edge.drain().catch((err: unknown) => log.error({ err }, "the edge failed to drain"));
  return {
    port: edge.port,
    async drain() {
      const drained = await settlesWithin(drain(), mesh.drainMs);
      if (!drained) log.warn("requests did not end within the drain");
    },
    kill: () => void drain(),
  };
}

function limitsOf({ shed, concurrencyMin, concurrencyMax, strainedPercent }: MeshConfig): LoadGuardOptions {
  return { shed, minLimit: concurrencyMin, maxLimit: concurrencyMax, strainedAt: strainedPercent / 100 };
}

/** Registers once the process is ready. The registrar keeps trying while the registry is away: a service serves without it. */
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
  signal.throwIfAborted();
  log.info("registered");
}

async function deregister(id: string, registrar: Registrar, log: Logger): Promise<void> {
  try {
    const done = await settlesWithin(registrar.deregister(id), DEREGISTER_MS);
    if (!done) log.warn("the registry did not answer the deregistration");
  } catch (err) {
    log.warn({ err }, "the registry refused the deregistration");
  }
}
