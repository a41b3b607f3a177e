import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { takeLock } from "./lock.ts";
import { freeAlbum, isFreeMusic, musicFolder, type Operator, operatorOf } from "./music.ts";
import { parseOptions, type RunOptions, usage } from "./options.ts";
import { antiphonDir } from "./paths.ts";
import { isPortFree } from "./ports.ts";
import { Sentence } from "./sentence.ts";
import { summary } from "./summary.ts";
import { type System, type SystemPorts, startSystem } from "./system.ts";
import { terminal } from "./terminal.ts";
import { buildWeb } from "./web-build.ts";

const screen = terminal(process.stdout);
const logDir = join(antiphonDir, "logs");
/** After an import, the table is shown when all can be played, or after that long. */
const packagingPatienceMs = 60_000;

const interrupted = new AbortController();
let cleanUp: () => Promise<void> = async () => {};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The guard ends whatever is left.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
    screen.endBar();
    screen.line("\nStopping: calls in flight are finished first (Ctrl-C again ends it at once).");
  });
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) screen.line(usage);
  else await run(options);
} catch (error) {
  screen.endBar();
  if (!interrupted.signal.aborted) {
    process.exitCode = 1;
    console.error(`antiphon: ${await describe(error)}`);
  }
} finally {
  await cleanUp();
}
process.exit();

async function run(options: RunOptions): Promise<void> {
  const { ports } = options;
  const { music } = options;
  const chosen = music === undefined || isFreeMusic(music) ? music : await musicFolder(music);
  const releaseLock = await takeLock(join(antiphonDir, "run.lock"), {
    pid: process.pid,
    port: ports.gateway,
  });
  cleanUp = releaseLock;
  await requireFree(ports);
  await rm(`${logDir}.previous`, { recursive: true, force: true });
  await rename(logDir, `${logDir}.previous`).catch(() => {});

  screen.line("Antiphon is starting.");
  const startedAt = performance.now();
  const webDir = buildWeb(join(antiphonDir, "web"), join(logDir, "web.log"));
  const starting = startSystem({
    dataDir: join(antiphonDir, "data"),
    logDir,
    ports,
    webDir,
    signal: interrupted.signal,
    onReady: (name, tookMs) => screen.line(`  ready  ${name.padEnd(18)} ${seconds(tookMs)}`),
    onEvent: (sentence) => interrupted.signal.aborted || screen.line(`  ${sentence}`),
  });
  cleanUp = async () => {
    await starting.then((system) => system.stop()).catch(() => {});
    await releaseLock();
  };
  const system = await untilInterrupted(starting);
  screen.line(`Everything is ready after ${seconds(performance.now() - startedAt)}.`);
  await untilInterrupted(bringMusic(system, chosen));
  await untilInterrupted(new Promise(() => {}));
}

/** Imports music, shows the table when it can be played, and follows the packaging that is left. */
async function bringMusic(system: System, chosen: string | undefined): Promise<void> {
  const operator = operatorOf(system);
  const tracks = await importMusic(operator, chosen).catch(async (error: unknown) => {
    screen.endBar();
    screen.line(`  ${await describe(error)}`);
    return 0;
  });
  const packaging = operator.watchPackaging(tracks, screen, interrupted.signal);
  if (tracks > 0) await Promise.race([packaging, delay(packagingPatienceMs, undefined, { ref: false })]);
  screen.line(summary(system));
  await packaging;
}

/** The folder or free music that was named, else into an empty catalog the free album. */
async function importMusic(operator: Operator, chosen: string | undefined): Promise<number> {
  if (chosen === undefined && (await operator.hasMusic())) return 0;
  const isFolder = chosen !== undefined && !isFreeMusic(chosen);
  return await operator.importFolder(isFolder ? chosen : await freeAlbum(antiphonDir, chosen), screen);
}

async function untilInterrupted<T>(work: Promise<T>): Promise<T> {
  const { signal } = interrupted;
  return await Promise.race([
    work,
    new Promise<never>((_, reject) => {
      const stop = () => reject(new Sentence("stopped"));
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
    }),
  ]);
}

async function requireFree(ports: SystemPorts): Promise<void> {
  const flags = { gateway: "--port", consul: "--consul-port", prometheus: "--prometheus-port" } as const;
  for (const name of ["gateway", "consul", "prometheus"] as const) {
    if (await isPortFree(ports[name])) continue;
    throw new Sentence(
      `port ${ports[name]} is taken: stop what listens there, or choose another: make run ARGS="${flags[name]} ${ports[name] + 1}"`,
    );
  }
}

/** A sentence for people; the stack of anything unexpected goes to a log. */
async function describe(error: unknown): Promise<string> {
  if (error instanceof Sentence) return error.message;
  const file = join(logDir, "run.log");
  await writeFile(file, `${error instanceof Error ? error.stack : error}\n`, { flag: "a" }).catch(() => {});
  return `${error instanceof Error ? error.message.split("\n")[0] : error} (more in ${file})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
