import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prometheusConfig } from "../prometheus/config.ts";
import { findPrograms } from "./binaries.ts";
import { projectDir, toolsDir } from "./paths.ts";
import { freePort } from "./ports.ts";
import { Supervised } from "./supervisor.ts";

export interface PrometheusOptions {
  /** Holds its data; what is there already is used. */
  readonly dir: string;
  readonly logDir: string;
  /** A free one by default. */
  readonly port?: number;
  /** The conductor's list of targets. */
  readonly targetsUrl: string;
  readonly onEvent?: (sentence: string) => void;
}

/** Prometheus on 127.0.0.1, with the project's rules and consoles. */
export interface PrometheusServer extends Supervised {
  readonly url: string;
}

const folder = join(projectDir, "deploy", "prometheus");

/** Starts Prometheus; it finds what to scrape by asking `targetsUrl`. */
export async function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  const { dir, logDir, targetsUrl, onEvent } = options;
  const { prometheus } = await findPrograms(["prometheus"], toolsDir);
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  await mkdir(dir, { recursive: true });
  const config = join(dir, "prometheus.yml");
  await writeFile(config, prometheusConfig({ targetsUrl, rules: join(folder, "rules.yml"), self: url }));
  const server = new Supervised({
    spec: {
      name: "Prometheus",
      command: prometheus,
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(dir, "data")}`,
        "--storage.tsdb.retention.time=15d",
        `--web.listen-address=127.0.0.1:${port}`,
        `--web.console.templates=${join(folder, "consoles")}`,
        `--web.console.libraries=${join(folder, "console_libraries")}`,
      ],
      env: { GOGC: "50" },
      logFile: join(logDir, "prometheus.log"),
      orphanSignal: "SIGKILL",
    },
    ready: async () => (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  await server.start();
  return Object.assign(server, { url });
}
