import { join } from "node:path";
import { projectDir } from "./paths.ts";
import type { ServicePlan } from "./services.ts";
import { Supervised } from "./supervisor.ts";

/** One running copy of a service; see `Supervised` for stop, kill and restart. */
export interface ServiceInstance extends Supervised {
  readonly service: string;
  /** 1 for the first copy. */
  readonly index: number;
  readonly port: number;
  readonly adminPort: number;
}

export interface InstanceOptions {
  readonly plan: ServicePlan;
  readonly index: number;
  readonly consulUrl: string;
  readonly logDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  readonly adminPort: number;
  readonly onEvent?: (sentence: string) => void;
}

/** Describes a copy of a service without starting it; `start()` resolves when Consul finds it ready. */
export function prepareInstance(options: InstanceOptions): ServiceInstance {
  const { plan, index, port, adminPort, consulUrl, logDir, onEvent } = options;
  const id = `${plan.name}-${index}`;
  const env = {
    ...options.env,
    ANTIPHON_HOST: "127.0.0.1",
    ANTIPHON_PORT: String(port),
    ANTIPHON_ADMIN_PORT: String(adminPort),
    ANTIPHON_INSTANCE_ID: id,
  };
  const supervised = new Supervised({
    spec: {
      name: id,
      command: process.execPath,
      // The young generation is small: ten processes of it are in memory at once.
      args: [`--max-old-space-size=${plan.maxHeapMb}`, "--max-semi-space-size=8", plan.entry],
      cwd: projectDir,
      env,
      logFile: join(logDir, `${id}.log`),
    },
    ready: () => isPassing(consulUrl, plan.name, id),
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  return Object.assign(supervised, { service: plan.name, index, port, adminPort });
}

async function isPassing(consulUrl: string, service: string, id: string): Promise<boolean> {
  const url = new URL(`/v1/health/service/${service}?passing=1`, consulUrl);
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  const entries = (await response.json()) as { Service: { ID: string } }[];
  return entries.some(({ Service }) => Service.ID === id);
}
