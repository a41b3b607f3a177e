import { createClient } from "@connectrpc/connect";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import { AdminServer } from "./admin/admin-server.ts";
import { Readiness } from "./admin/readiness.ts";
import { settlesWithin } from "./bounded.ts";
import type { MeshTransport } from "./client/index.ts";
import type { Clock } from "./clock.ts";
import type { MeshConfig } from "./config.ts";
import { followContracts } from "./contracts/follow-contracts.ts";
import type { MeshDiscovery, Registrar } from "./discovery/discovery.ts";
import type { IdentityVerifier } from "./identity/listener-proof.ts";
import { openNats } from "./nats-connection.ts";
import type { ServiceDeps } from "./service-deps.ts";
import { serviceNameOf } from "./service-name.ts";
import { debugSnapshot } from "./telemetry/debug-targets.ts";
import type { Logger } from "./telemetry/logger.ts";

/** What a service stands on. */
export interface ServiceGround {
  readonly name: string;
  readonly instanceId: string;
  readonly mesh: MeshConfig;
  readonly registrar: Registrar;
  readonly discovery: MeshDiscovery;
  /** Of the listeners that callers name. Default: none is believed. */
  readonly identity?: IdentityVerifier | undefined;
  /** The transport of a target; called once for each, closed with the service. */
  readonly connect: (target: string) => MeshTransport;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
}

/** A service's dependencies, with the mesh's own handles on them. */
export interface OpenDeps {
  readonly deps: ServiceDeps;
  readonly admin: AdminServer;
  readonly readiness: Readiness;
  /** Aborts `deps.signal`. */
  readonly draining: AbortController;
  /** Shows something under a name of its own at `/debug/mesh`. */
  debug(part: string, snapshot: () => unknown): void;
  /** Runs the stop hooks, the last one first, then closes NATS, clients and the admin port. Once; never rejects. */
  close(): Promise<void>;
}

/** A stop hook that takes longer is left behind. */
const STOP_HOOK_MS = 5_000;

export function openDeps(ground: ServiceGround): OpenDeps {
  const { name, instanceId, mesh, log, metrics, clock } = ground;
  const draining = new AbortController();
  const closed = new AbortController();
  const readiness = new Readiness();
  const transports = new Map<string, MeshTransport>();
  const debugParts = new Map<string, () => unknown>();
  const debug = () => ({
    service: name,
    instance: instanceId,
    version: mesh.version,
    zone: mesh.zone,
    phase: readiness.phase,
    ...Object.fromEntries([...debugParts].map(([part, snapshot]) => [part, snapshot()])),
    targets: debugSnapshot(),
  });
  const admin = new AdminServer({ metrics, readiness, log, debug });
  const stopHooks: StopHook[] = [];
  let nats: Promise<NatsConnection> | undefined;
  let closing: Promise<void> | undefined;

  const deps: ServiceDeps = {
    name,
    version: mesh.version,
    instanceId,
    zone: mesh.zone,
    client: (service, { target = `consul:///${serviceNameOf(service)}` } = {}) =>
      createClient(service, deps.transport(target)),
    transport(target) {
      const transport = transports.get(target) ?? ground.connect(target);
      transports.set(target, transport);
      return transport;
    },
    contracts: (onContracts) => followContracts({ discovery: ground.discovery, log }, onContracts),
    nats() {
      if (!nats) {
        nats = openNats({ url: mesh.natsUrl, name: instanceId, log, signal: closed.signal });
        // Who asked for it hears of it; a process that stops before is no error.
        nats.catch(() => {});
      }
      return nats;
    },
    log,
    metrics,
    signal: draining.signal,
    readiness: (check, run) => readiness.add(check, run),
    admin: (path, handler) => admin.route(path, handler),
    onStop: (hook, stop) => void stopHooks.push({ hook, stop }),
    clock,
  };

  async function closeAll(): Promise<void> {
    draining.abort();
    const own: StopHook[] = [
      { hook: "admin", stop: () => admin.close() },
      {
        hook: "clients",
        stop() {
          for (const transport of transports.values()) transport.close();
        },
      },
    ];
    own.push({
      hook: "nats",
      async stop() {
        closed.abort();
        const connection = await nats?.catch(() => undefined);
        await connection?.drain();
      },
    });
    for (const hook of [...own, ...stopHooks].reverse()) await run(hook, log);
  }

  return {
    deps,
    admin,
    readiness,
    draining,
    debug: (part, snapshot) => void debugParts.set(part, snapshot),
    close: () => (closing ??= closeAll()),
  };
}

interface StopHook {
  readonly hook: string;
  readonly stop: () => unknown;
}

async function run({ hook, stop }: StopHook, log: Logger): Promise<void> {
  try {
    if (!(await settlesWithin(Promise.try(stop), STOP_HOOK_MS))) {
      log.warn({ hook }, `stop hook did not finish within ${STOP_HOOK_MS} ms`);
    }
  } catch (err) {
    log.error({ err, hook }, "stop hook failed");
  }
}
