import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findPrograms } from "./binaries.ts";
import { toolsDir } from "./paths.ts";
import { freePort } from "./ports.ts";
import { Supervised } from "./supervisor.ts";

export { ensureDatabase, type PostgresOptions, type PostgresServer, startPostgres } from "./postgres.ts";

const run = promisify(execFile);

export interface BackingOptions {
  /** Holds its data; what is there already is used. */
  readonly dir: string;
  /** `dir` by default. */
  readonly logDir?: string;
  /** A free one on 127.0.0.1 by default. */
  readonly port?: number;
  readonly onEvent?: (sentence: string) => void;
}

/** A server that the system stands on; see `Supervised` for stop, kill and restart. */
export interface BackingServer extends Supervised {
  readonly url: string;
}

export interface NatsServer extends BackingServer {
  /** Base URL of its monitoring pages, e.g. `/jsz`. */
  readonly monitorUrl: string;
}

/** Starts one Consul server without persistence: services register again when it forgets them. */
export async function startConsul({
  dir,
  logDir = dir,
  port,
  onEvent,
}: BackingOptions): Promise<BackingServer> {
  const { consul } = await findPrograms(["consul"], toolsDir);
  const http = port ?? (await freePort());
  const ports = [`http = ${http}`, "https = -1", "dns = -1", "grpc = -1", "serf_wan = -1"];
  ports.push(`server = ${await freePort()}`, `serf_lan = ${await freePort()}`);
  if (await hasGrpcTls(consul)) ports.push("grpc_tls = -1");
  await mkdir(dir, { recursive: true });
  const config = join(dir, "consul.hcl");
  // All clients share 127.0.0.1, each with several blocking queries: Consul's 200 are too few.
  const limits = "limits { http_max_conns_per_client = 8192 }";
  await writeFile(config, `ports { ${ports.join("\n")} }\n${limits}\ndisable_update_check = true\n`);
  const args = ["agent", "-dev", "-node=antiphon", "-client=127.0.0.1", "-bind=127.0.0.1", "-log-level=warn"];
  const url = `http://127.0.0.1:${http}`;
  const server = new Supervised({
    spec: {
      name: "Consul",
      command: consul,
      args: [...args, `-config-file=${config}`],
      logFile: join(logDir, "consul.log"),
      orphanSignal: "SIGKILL",
    },
    ready: async () => ((await (await get(`${url}/v1/status/leader`)).json()) as string).length > 0,
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  await server.start();
  return Object.assign(server, { url });
}

export interface NatsOptions extends BackingOptions {
  /** Its place in a cluster; alone by default. */
  readonly cluster?: {
    /** Servers of other clusters are turned away. */
    readonly name: string;
    readonly serverName: string;
    readonly port: number;
    readonly routes: readonly string[];
  };
}

/** Starts nats-server with JetStream; streams are kept below `dir` and fsynced on every write. */
export async function startNats({
  dir,
  logDir = dir,
  port,
  cluster,
  onEvent,
}: NatsOptions): Promise<NatsServer> {
  const binary = (await findPrograms(["nats-server"], toolsDir))["nats-server"];
  const [client, monitor] = [port ?? (await freePort()), await freePort()];
  await mkdir(dir, { recursive: true });
  const config = join(dir, "nats.conf");
  await writeFile(
    config,
    `listen: "127.0.0.1:${client}"
http: "127.0.0.1:${monitor}"
server_name: ${cluster?.serverName ?? "antiphon"}
jetstream { store_dir: ${JSON.stringify(dir)}, max_memory_store: 64MB, max_file_store: 8GB, sync_interval: always }
${cluster ? clusterBlock(cluster) : ""}`,
  );
  const monitorUrl = `http://127.0.0.1:${monitor}`;
  const server = new Supervised({
    spec: { name: "NATS", command: binary, args: ["-c", config], logFile: join(logDir, "nats.log") },
    ready: async () => (await get(`${monitorUrl}/healthz`)).ok,
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  await server.start();
  return Object.assign(server, { url: `nats://127.0.0.1:${client}`, monitorUrl });
}

function clusterBlock({ name, port, routes }: NonNullable<NatsOptions["cluster"]>): string {
  return `cluster { name: ${name}, listen: "127.0.0.1:${port}", routes: ${JSON.stringify(routes)} }\n`;
}

/** Starts a cluster of three nats-servers on this machine, each with a folder below `dir`. */
export async function startNatsCluster(dir: string): Promise<readonly NatsServer[]> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const name = `antiphon-${ports.join("-")}`;
  // None of them is ready before there is a majority.
  return Promise.all(
    ports.map((port, i) => {
      const serverName = `antiphon-${i}`;
      return startNats({ dir: join(dir, serverName), cluster: { name, serverName, port, routes } });
    }),
  );
}

async function hasGrpcTls(consul: string): Promise<boolean> {
  const { stdout } = await run(consul, ["version"]);
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > 1 || Number(minor) >= 14;
}

const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(2_000) });
