import { setTimeout as delay } from "node:timers/promises";
import { createMeshTransport } from "../client/index.ts";
import type { EndpointInfo, MeshDiscovery, Watch } from "../discovery/discovery.ts";
import { backoffMs } from "../resilience/backoff.ts";
import type { Logger } from "../telemetry/logger.ts";
import { type ReflectedContracts, reflect } from "./reflect.ts";
import { spokesman } from "./spokesman.ts";

/** Told of each service when it has appeared or changed, and with `undefined` when it has gone. */
export type OnContracts = (service: string, contracts: ReflectedContracts | undefined) => void;

export interface ContractsWatch extends Watch {
  /** Whether each service that was there at first has told its contracts, or could not; then it stays true. */
  readonly isCaughtUp: boolean;
}

export interface FollowContractsOptions {
  readonly discovery: MeshDiscovery;
  readonly log: Logger;
  /** How long a service that discovery does not know any more counts as there, 60,000 by default. */
  readonly keepMs?: number;
}

const REFLECT_MS = 5_000;
const retry = { baseMs: 100, maxMs: 5_000 };

/**
 * Follows the contracts of all services that offer reflection. An instance is asked only when its registration
 * carries another digest than the contracts known: a restart of the same version costs nothing.
 *
 * A service that vanishes from discovery is kept for `keepMs`: a registry that has lost its memory must not
 * look like a mesh without services. `onContracts` must not throw.
 */
export function followContracts(options: FollowContractsOptions, onContracts: OnContracts): ContractsWatch {
  const { discovery, log, keepMs = 60_000 } = options;
  const followed = new Map<string, ContractsWatch>();
  const leaving = new Map<string, NodeJS.Timeout>();

  const stay = (service: string) => {
    clearTimeout(leaving.get(service));
    leaving.delete(service);
  };
  const leave = (service: string) => {
    leaving.delete(service);
    followed.get(service)?.close();
    followed.delete(service);
    onContracts(service, undefined);
  };
  let hasAnswered = false;
  let isCaughtUp = false;
  const watch = discovery.watchServices((services) => {
    hasAnswered = true;
    for (const service of services) {
      stay(service);
      if (!followed.has(service)) followed.set(service, followService(service, discovery, log, onContracts));
    }
    for (const service of followed.keys()) {
      if (services.includes(service) || leaving.has(service)) continue;
      leaving.set(service, setTimeout(leave, keepMs, service).unref());
    }
  });
  return {
    get isCaughtUp() {
      isCaughtUp ||= hasAnswered && [...followed.values()].every((service) => service.isCaughtUp);
      return isCaughtUp;
    },
    close() {
      watch.close();
      for (const service of [...leaving.keys()]) stay(service);
      for (const each of followed.values()) each.close();
    },
  };
}

function followService(
  service: string,
  discovery: MeshDiscovery,
  log: Logger,
  onContracts: OnContracts,
): ContractsWatch {
  const stop = new AbortController();
  const { signal } = stop;
  let endpoints: readonly EndpointInfo[] = [];
  let taken: string | undefined;
  let asking = false;
  let isCaughtUp = false;

  const catchUp = async () => {
    asking = true;
    for (let failures = 0; !signal.aborted; ) {
      const speaking = spokesman(endpoints, taken);
      if (!speaking || speaking.contract === taken) break;
      try {
        const contracts = await reflectAt(speaking, signal);
        if (signal.aborted) return;
        taken = speaking.contract;
        failures = 0;
        onContracts(service, contracts);
      } catch (err) {
        if (signal.aborted) return;
        isCaughtUp = true;
        if (failures === 0) log.warn({ target: service, err }, "a service does not tell its contracts");
        await delay(backoffMs(failures++, retry), undefined, { signal, ref: false }).catch(() => {});
      }
    }
    asking = false;
    isCaughtUp = true;
  };
  const watch = discovery.watch(service, (latest) => {
    endpoints = latest;
    if (!asking) void catchUp();
  });
  return {
    get isCaughtUp() {
      return isCaughtUp;
    },
    close() {
      watch.close();
      stop.abort();
    },
  };
}

/** Asks this very endpoint: another one may have other contracts. */
async function reflectAt({ host, port }: EndpointInfo, signal: AbortSignal): Promise<ReflectedContracts> {
  const address = host.includes(":") ? `[${host}]` : host;
  const transport = createMeshTransport({ target: `static:///${address}:${port}` });
  try {
    return await reflect(transport, AbortSignal.any([signal, AbortSignal.timeout(REFLECT_MS)]));
  } finally {
    transport.close();
  }
}
