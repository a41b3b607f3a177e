import { join } from "node:path";
import { type BackingServer, type NatsServer, startConsul, startNats } from "./backing.ts";
import { type InstanceOptions, prepareInstance, type ServiceInstance } from "./instance.ts";
import { freePort } from "./ports.ts";
import { ensureDatabase, type PostgresServer, startPostgres } from "./postgres.ts";
import { type PrometheusServer, startPrometheus } from "./prometheus.ts";
import { loadSecrets, type Secrets } from "./secrets.ts";
import { type ServicePlan, servicePlans } from "./services.ts";
import type { Supervised } from "./supervisor.ts";

/** Ports that people know by heart; the rest are free ones. */
export interface SystemPorts {
  readonly gateway: number;
  readonly consul: number;
  readonly prometheus: number;
}

export interface SystemOptions {
  /** Databases, streams and blobs; what is there already is used. */
  readonly dataDir: string;
  /** `logs` in the data folder by default. */
  readonly logDir?: string;
  /** "free" by default. */
  readonly ports?: SystemPorts | "free";
  /** Copies by service name; 0 leaves one out. By default what `servicePlans` says. */
  readonly replicas?: Readonly<Record<string, number>>;
  /** Added to the environment of every service. */
  readonly env?: Readonly<Record<string, string>>;
  /** True by default. */
  readonly prometheus?: boolean;
  /** Whether PostgreSQL survives a power cut, true by default. */
  readonly durable?: boolean;
  /** The built web page, awaited before the gateway starts; without it the gateway serves calls only. */
  readonly webDir?: Promise<string> | string;
  /** Told as each part is ready, and how long it took. */
  readonly onReady?: (name: string, tookMs: number) => void;
  /** Told in a sentence when something crashes. */
  readonly onEvent?: (sentence: string) => void;
}

/** The whole system on this machine. */
export interface System {
  readonly consul: BackingServer;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  readonly prometheus: PrometheusServer | undefined;
  readonly gatewayUrl: string;
  readonly secrets: Secrets;
  /** Every copy of every service, those that were killed or stopped included. */
  readonly instances: readonly ServiceInstance[];
  instance(service: string, index?: number): ServiceInstance;
  /** Kills one copy with SIGKILL; it stays down until its `restart()`. */
  kill(service: string, index?: number): Promise<void>;
  /** Starts one more copy and resolves when Consul finds it ready. */
  startReplica(service: string): Promise<ServiceInstance>;
  /** Drains and ends everything, in the reverse order of the start. */
  stop(): Promise<void>;
}

/**
 * Brings up Consul, NATS and PostgreSQL, then every service, the gateway and Prometheus, and resolves
 * when Consul finds all of them ready. Rejects with a `Sentence`, with nothing left running, when one
 * cannot be started. Nothing of it outlives this process, however it ends.
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const started: Supervised[] = [];
  try {
    return await bringUp(options, started);
  } catch (error) {
    await Promise.all(started.map((each) => each.kill()));
    throw error;
  }
}

async function bringUp(options: SystemOptions, started: Supervised[]): Promise<System> {
  const { dataDir, logDir = join(options.dataDir, "logs"), onEvent } = options;
  const ports = options.ports === "free" ? undefined : options.ports;
  const told = { logDir, ...(onEvent === undefined ? {} : { onEvent }) };
  const timed = async <T>(name: string, part: Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await part;
    options.onReady?.(name, performance.now() - startedAt);
    return result;
  };
  const backing = async <T extends Supervised>(part: Promise<T>): Promise<T> => {
    const server = await part;
    started.push(server);
    return server;
  };

  const secrets = await loadSecrets(dataDir);
  const dir = (name: string) => join(dataDir, name);
  const onPort = (port: number | undefined) => (port === undefined ? {} : { port });
  const [consul, nats, postgres] = await settleAll([
    timed("Consul", backing(startConsul({ dir: dir("consul"), ...onPort(ports?.consul), ...told }))),
    timed("NATS", backing(startNats({ dir: dir("nats"), ...told }))),
    timed(
      "PostgreSQL",
      backing(startPostgres({ dir: dir("postgres"), durable: options.durable ?? true, ...told })),
    ),
  ]);

  const wanted = servicePlans().map((plan) => ({
    ...plan,
    replicas: options.replicas?.[plan.name] ?? plan.replicas,
  }));
  const databases = new Map<string, string>();
  for (const { name, database } of wanted) {
    if (database) databases.set(name, await ensureDatabase(postgres.url, name));
  }
  const conductorAdminPort = await freePort();
  const webDir = async () => (options.webDir === undefined ? {} : { ANTIPHON_WEB_DIR: await options.webDir });
  const environment = async ({ name }: ServicePlan): Promise<Record<string, string>> => ({
    ANTIPHON_NATS_URL: nats.url,
    ANTIPHON_DATA_DIR: join(dataDir, "services", name),
    ...(databases.has(name) ? { ANTIPHON_DATABASE_URL: databases.get(name) as string } : {}),
    ...(name === "player" || name === "gateway" ? { ANTIPHON_MEDIA_KEY: secrets.mediaKey } : {}),
    ...(name === "gateway" ? await webDir() : {}),
    ...(name === "conductor" ? { ANTIPHON_NATS_MONITOR_URL: nats.monitorUrl } : {}),
    ...(name === "identity"
      ? {
          ANTIPHON_OPERATOR_EMAIL: secrets.operator.email,
          ANTIPHON_OPERATOR_PASSWORD: secrets.operator.password,
        }
      : {}),
    ...options.env,
  });

  const instances: ServiceInstance[] = [];
  const startInstance = async (plan: ServicePlan, index: number): Promise<ServiceInstance> => {
    const first: Partial<InstanceOptions> = {
      port: plan.name === "gateway" && index === 1 ? ports?.gateway : undefined,
      adminPort: plan.name === "conductor" && index === 1 ? conductorAdminPort : undefined,
    };
    const env = await environment(plan);
    const instance = await prepareInstance({ plan, index, consulUrl: consul.url, env, ...first, ...told });
    instances.push(instance);
    started.push(instance);
    await timed(instance.name, instance.start());
    return instance;
  };
  const targetsUrl = `http://127.0.0.1:${conductorAdminPort}/sd/prometheus`;
  const metrics = { dir: dir("prometheus"), targetsUrl, ...onPort(ports?.prometheus), ...told };
  const [prometheus] = await settleAll([
    options.prometheus === false ? undefined : timed("Prometheus", backing(startPrometheus(metrics))),
    ...wanted.flatMap((plan) =>
      Array.from({ length: plan.replicas }, (_, copy) => startInstance(plan, copy + 1)),
    ),
  ]);

  const find = (service: string, index = 1): ServiceInstance => {
    const found = instances.find((each) => each.service === service && each.index === index);
    if (found === undefined) throw new Error(`there is no ${service}-${index}`);
    return found;
  };
  return {
    consul,
    nats,
    postgres,
    prometheus,
    secrets,
    instances,
    gatewayUrl: `http://127.0.0.1:${find("gateway").port}`,
    instance: find,
    kill: (service, index) => find(service, index).kill(),
    startReplica(service) {
      const plan = wanted.find(({ name }) => name === service);
      if (plan === undefined) throw new Error(`there is no service ${service}`);
      const taken = instances.filter((each) => each.service === service).map(({ index }) => index);
      return startInstance(plan, Math.max(0, ...taken) + 1);
    },
    async stop() {
      const [edge, inner] = [instances.filter(isGateway), instances.filter((each) => !isGateway(each))];
      for (const parts of [edge, inner, [prometheus], [nats, postgres], [consul]]) {
        await Promise.all(parts.map((each) => each?.stop()));
      }
    },
  };
}

const isGateway = ({ service }: ServiceInstance) => service === "gateway";

/** Like Promise.all, but rejects only when all have settled, so that what has started is known. */
async function settleAll<T extends readonly unknown[]>(
  parts: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}
