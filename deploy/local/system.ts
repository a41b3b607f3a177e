import { join } from "node:path";
import { type BackingServer, type NatsServer, startConsul, startNats } from "./backing.ts";
import { environmentOf } from "./environment.ts";
import { prepareInstance, type ServiceInstance } from "./instance.ts";
import { PortBook } from "./port-book.ts";
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
  /** Ends the start, and everything with it. What runs already is ended by `stop`. */
  readonly signal?: AbortSignal;
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
  /** Throws where no gateway runs. */
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
  const book = await PortBook.open(join(options.dataDir, "ports.json"));
  // Looked at only when the gateway is next; a failure before that is not unhandled.
  Promise.resolve(options.webDir).catch(() => {});
  const abandon = () => void Promise.all(started.map((each) => each.kill()));
  options.signal?.addEventListener("abort", abandon);
  try {
    const secrets = await loadSecrets(options.dataDir);
    const backing = await startBacking(options, started);
    const services = await startServices(options, { ...backing, secrets }, book, started);
    return {
      ...backing,
      ...services,
      secrets,
      get gatewayUrl() {
        return `http://127.0.0.1:${services.instance("gateway").port}`;
      },
      async stop() {
        await stopAll(started);
        book.close();
      },
    };
  } catch (error) {
    await Promise.all(started.map((each) => each.kill()));
    book.close();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", abandon);
  }
}

type Backing = Pick<System, "consul" | "nats" | "postgres">;

async function startBacking(options: SystemOptions, started: Supervised[]): Promise<Backing> {
  const { dataDir, durable = true } = options;
  const common = commonOf(options);
  const start = async <T extends Supervised>(starting: Promise<T>): Promise<T> => {
    const server = await timed(options, starting);
    started.push(server);
    return server;
  };
  const [consul, nats, postgres] = await settleAll([
    start(startConsul({ dir: join(dataDir, "consul"), ...portOf(options, "consul"), ...common })),
    start(startNats({ dir: join(dataDir, "nats"), ...common })),
    start(startPostgres({ dir: join(dataDir, "postgres"), durable, ...common })),
  ]);
  return { consul, nats, postgres };
}

type Services = Omit<System, keyof Backing | "secrets" | "gatewayUrl" | "stop">;

async function startServices(
  options: SystemOptions,
  { consul, nats, postgres, secrets }: Backing & Pick<System, "secrets">,
  book: PortBook,
  started: Supervised[],
): Promise<Services> {
  const { dataDir } = options;
  const common = commonOf(options);
  const plans = servicePlans();
  const databases = new Map<string, string>();
  for (const { name, database } of plans) {
    if (database) databases.set(name, await ensureDatabase(postgres.url, name));
  }
  const instances: ServiceInstance[] = [];

  async function startInstance(plan: ServicePlan, index: number): Promise<ServiceInstance> {
    const { name } = plan;
    const webDir = name === "gateway" ? await options.webDir : undefined;
    const around = {
      dataDir,
      nats,
      secrets,
      webDir,
      consulUrl: consul.url,
      databaseUrl: databases.get(name),
    };
    const { port = await book.portFor(`${name}-${index}`) } = index === 1 ? portOf(options, name) : {};
    const instance = prepareInstance({
      plan,
      index,
      consulUrl: consul.url,
      env: { ...environmentOf(name, around), ...options.env },
      port,
      adminPort: await book.portFor(`${name}-${index} admin`),
      ...common,
    });
    options.signal?.throwIfAborted();
    instances.push(instance);
    started.push(instance);
    await timed(
      options,
      instance.start().then(() => instance),
    );
    return instance;
  }

  async function startMetrics(): Promise<PrometheusServer | undefined> {
    if (options.prometheus === false) return undefined;
    const targetsUrl = `http://127.0.0.1:${await book.portFor("conductor-1 admin")}/sd/prometheus`;
    const dir = join(dataDir, "prometheus");
    const starting = startPrometheus({ dir, targetsUrl, ...portOf(options, "prometheus"), ...common });
    const server = await timed(options, starting);
    started.push(server);
    return server;
  }

  const copies = plans.flatMap((plan) => {
    const replicas = options.replicas?.[plan.name] ?? plan.replicas;
    return Array.from({ length: replicas }, (_, copy) => startInstance(plan, copy + 1));
  });
  const [prometheus] = await settleAll([startMetrics(), ...copies]);

  function instance(service: string, index = 1): ServiceInstance {
    const found = instances.find((each) => each.service === service && each.index === index);
    if (found === undefined) throw new Error(`there is no ${service}-${index}`);
    return found;
  }
  return {
    prometheus,
    instances,
    instance,
    kill: (service, index) => instance(service, index).kill(),
    startReplica(service) {
      const plan = plans.find(({ name }) => name === service);
      if (plan === undefined) throw new Error(`there is no service ${service}`);
      const taken = instances.filter((each) => each.service === service).map(({ index }) => index);
      return startInstance(plan, Math.max(0, ...taken) + 1);
    },
  };
}

/** The edge first, so that no new work comes in, then the services, then what they stand on. */
async function stopAll(started: readonly Supervised[]): Promise<void> {
  const isService = (each: Supervised): each is ServiceInstance => "service" in each;
  const services = started.filter(isService);
  const gateways = services.filter(({ service }) => service === "gateway");
  const inner = services.filter(({ service }) => service !== "gateway");
  const servers = started.filter((each) => !isService(each));
  for (const part of [gateways, inner, servers]) await Promise.all(part.map((each) => each.stop()));
}

function commonOf({ dataDir, logDir = join(dataDir, "logs"), onEvent }: SystemOptions) {
  return { logDir, ...(onEvent === undefined ? {} : { onEvent }) };
}

/** The port that was asked for; services but the gateway have none. */
function portOf({ ports = "free" }: SystemOptions, name: string): { port?: number } {
  const fixed: Readonly<Record<string, number>> = ports === "free" ? {} : { ...ports };
  return fixed[name] === undefined ? {} : { port: fixed[name] };
}

async function timed<T extends Supervised>({ onReady }: SystemOptions, starting: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const part = await starting;
  onReady?.(part.name, performance.now() - startedAt);
  return part;
}

/** Like Promise.all, but rejects only when all have settled, so that what has started is known. */
async function settleAll<T extends readonly unknown[]>(
  parts: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}
