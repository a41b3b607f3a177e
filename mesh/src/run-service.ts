import { collectDefaultMetrics, Registry } from "prom-client";
import { createMeshTransport } from "./client/index.ts";
import { systemClock } from "./clock.ts";
import { ConfigError, type MeshConfig } from "./config.ts";
import { consulDiscovery } from "./discovery/consul-discovery.ts";
import { consulRegistrar } from "./discovery/consul-registrar.ts";
import { identitySigner, identityVerifier } from "./identity/listener-proof.ts";
import { surviveUnhandledErrors } from "./last-resort.ts";
import { type Edge, instanceIdOf, type RunningService, startService } from "./lifecycle.ts";
import { consulPolicies } from "./policy/consul-policies.ts";
import type { Served } from "./server/served.ts";
import type { EdgeDeps, ServiceDeps } from "./service-deps.ts";
import { discoveryMetrics } from "./telemetry/discovery-metrics.ts";
import { createLogger } from "./telemetry/logger.ts";

export interface ServiceSpec<C extends { readonly mesh: MeshConfig }> {
  /** Its name in Consul, e.g. `catalog`. */
  readonly name: string;
  /** Reads the environment; throws ConfigError. Made by `defineConfig`. */
  readonly config: (env: NodeJS.ProcessEnv) => C;
  /** Makes what it serves. Runs while the admin port already answers `/healthz`. */
  build(deps: ServiceDeps, config: C): Promise<readonly Served[]> | readonly Served[];
  /** A listener of its own in place of the gRPC port, registered in its place. Runs after `build`. */
  edge?(deps: EdgeDeps, config: C): Promise<Edge>;
}

/** sysexits.h: EX_CONFIG would be 78; 64 is what the data planes of this field use. */
const EXIT_CONFIG = 64;
const EXIT_START = 69;

/**
 * Runs a service in this process: start → ready → registered; on SIGTERM or SIGINT deregistered →
 * propagated → GOAWAY → bounded drain → stop hooks. Resolves after that, and the process ends with 0.
 * A second signal ends it at once. A bad configuration is told on standard error, one sentence a key,
 * with exit code 64 and nothing bound; a start that fails with 69.
 */
export async function runService<C extends { readonly mesh: MeshConfig }>(
  spec: ServiceSpec<C>,
): Promise<void> {
  const config = readConfig(spec);
  const { mesh } = config;
  const instanceId = instanceIdOf(spec.name, mesh.instanceId);
  const log = createLogger({
    service: spec.name,
    instance: instanceId,
    version: mesh.version,
    level: mesh.logLevel,
  });
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  surviveUnhandledErrors(log, metrics);

  const discovery = consulDiscovery({ url: mesh.consulUrl, log });
  discoveryMetrics(metrics, discovery);
  const policies = consulPolicies({ url: mesh.consulUrl, log });
  const { identityKey, identityPublicKeys = [] } = mesh;
  const signer = identityKey && identitySigner(identityKey, systemClock.now);
  if (identityPublicKeys.length === 0 && !spec.edge) {
    log.warn("ANTIPHON_IDENTITY_PUBLIC_KEYS is not set: calls in the name of a listener are refused");
  }
  if (!identityKey && spec.edge) {
    log.warn("ANTIPHON_IDENTITY_KEY is not set: calls are made in nobody's name, listeners are refused");
  }
  const stopSignal = firstSignal();
  log.info("starting");
  let service: RunningService | undefined;
  try {
    const starting = startService(
      {
        build: (deps) => spec.build(deps, config),
        edge: spec.edge && ((deps) => spec.edge!(deps, config)),
      },
      {
        name: spec.name,
        instanceId,
        mesh,
        registrar: consulRegistrar({ url: mesh.consulUrl, log }),
        discovery,
        identity: identityVerifier(identityPublicKeys, systemClock.now),
        connect: (target) =>
          createMeshTransport({
            target,
            discovery,
            policies,
            zone: mesh.zone,
            callerId: instanceId,
            log,
            metrics,
            clock: systemClock,
            signer,
          }),
        log,
        metrics,
        clock: systemClock,
      },
    );
    service = await Promise.race([starting, stopSignal]);
  } catch (error) {
    console.error(`${spec.name} cannot start: ${describe(error)}`);
    log.fatal({ err: error }, "cannot start");
    process.exit(EXIT_START);
  }
  // Told to stop before it was up: nobody has heard of it yet.
  if (!service) process.exit(0);
  await stopSignal;
  await service.stop();
  // Whatever a service forgot to close must not keep it alive.
  setTimeout(() => process.exit(0), 500).unref();
}

function readConfig<C extends { readonly mesh: MeshConfig }>(spec: ServiceSpec<C>): C {
  try {
    return spec.config(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(`${spec.name}: ${problem}`);
    process.exit(EXIT_CONFIG);
  }
}

/** One Ctrl-C may arrive twice, from the terminal and from whoever supervises the process. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first SIGTERM or SIGINT; the second ends the process. */
function firstSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const onSignal = (_name: string, number: number) => {
      firstAtMs ??= performance.now();
      if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(128 + number);
      resolve(undefined);
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "EADDRINUSE" && "address" in error && "port" in error) {
    return `port ${error.port} of ${error.address} is taken; set another in ANTIPHON_PORT or ANTIPHON_ADMIN_PORT`;
  }
  return error.message;
}
