import { setTimeout as delay } from "node:timers/promises";
import Consul from "consul";
import { backoffMs } from "../resilience/backoff.ts";
import type { Logger } from "../telemetry/logger.ts";
import { REFLECTION_TAG } from "./consul-services.ts";
import type { Registrar, Registration } from "./discovery.ts";

export interface ConsulRegistrarOptions {
  /** HTTP address of the Consul agent on this host. */
  readonly url: string;
  readonly log?: Logger;
  /** How often it is looked after whether Consul still knows the instance, 2,000 by default. */
  readonly checkMs?: number;
}

const timeoutMs = 2_000;
const retry = { baseMs: 250, maxMs: 5_000 };

/**
 * Registers instances with Consul, which then asks `/readyz` on their admin port every second, and
 * forgets an instance that was not ready for a minute.
 * `register` resolves when Consul has accepted it, and tries until then or until `deregister`: an
 * instance that starts while Consul is away joins when it is back. `deregister` never rejects and
 * takes at most two seconds: without Consul, the failing check does its work.
 */
export function consulRegistrar({ url, log, checkMs = 2_000 }: ConsulRegistrarOptions): Registrar {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === "https:";
  const consul = new Consul({ host: hostname, port: Number(port) || (secure ? 443 : 80), secure });
  const kept = new Map<string, { stop: AbortController; ended: Promise<void> }>();

  async function keep(
    registration: Registration,
    signal: AbortSignal,
    registered: () => void,
  ): Promise<void> {
    const { id } = registration;
    let known = false;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (known && !(await isKnown(consul, id))) {
          log?.warn({ instance: id }, "Consul has forgotten this instance, registering it again");
          known = false;
        }
        if (!known) await consul.agent.service.register(toConsul(registration));
        known = true;
        failures = 0;
        registered();
        await pause(checkMs * (0.75 + 0.5 * Math.random()), signal);
      } catch (error) {
        if (failures === 0) log?.warn({ instance: id }, `Consul is away, registering later: ${error}`);
        await pause(backoffMs(failures++, retry), signal);
      }
    }
  }

  return {
    register(registration) {
      const previous = kept.get(registration.id);
      previous?.stop.abort();
      const stop = new AbortController();
      return new Promise((resolve) => {
        const ended = Promise.resolve(previous?.ended)
          .then(() => keep(registration, stop.signal, resolve))
          .finally(resolve);
        kept.set(registration.id, { stop, ended });
      });
    },
    async deregister(id) {
      const registration = kept.get(id);
      registration?.stop.abort();
      await registration?.ended;
      kept.delete(id);
      await consul.agent.service.deregister(withTimeout({ id })).catch((error: Error) => {
        log?.warn({ instance: id }, `Consul did not take the deregistration: ${error.message}`);
      });
    },
  };
}

function toConsul({ id, service, host, port, adminPort, version, zone, contract }: Registration) {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${adminPort}`;
  return withTimeout({
    id,
    name: service,
    address: host,
    port,
    meta: { version, zone, admin_port: String(adminPort), ...(contract && { contract }) },
    tags: contract ? [REFLECTION_TAG] : [],
    check: {
      name: "ready",
      http: `http://${authority}/readyz`,
      interval: "1s",
      timeout: "2s",
      deregistercriticalserviceafter: "1m",
    },
  });
}

/** The client takes a time limit with every call; its types do not say so. */
function withTimeout<T extends object>(options: T): T & { timeout: number } {
  return { ...options, timeout: timeoutMs };
}

/** Throws when Consul does not answer as it should, which must not count as having forgotten. */
async function isKnown(consul: Consul, id: string): Promise<boolean> {
  const services: unknown = await consul.agent.service.list(
    withTimeout({ filter: `ID == ${JSON.stringify(id)}` }),
  );
  if (typeof services !== "object" || services === null || Buffer.isBuffer(services)) {
    throw new Error("it answered with something that is not a list of services");
  }
  return id in services;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {});
}
