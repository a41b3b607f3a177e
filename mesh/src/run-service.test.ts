import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../testing/until.ts";
import { StockClient } from "./server/stock-client.fixture.ts";

const good = {
  ANTIPHON_DATABASE_URL: "postgres://127.0.0.1:1/none",
  // Nobody is there: what is seen here is a service without its registry.
  ANTIPHON_CONSUL_URL: "http://127.0.0.1:1",
  ANTIPHON_PROPAGATION_MS: "0",
};

class Service {
  readonly #process: ChildProcess;
  stdout = "";
  stderr = "";

  constructor(env: Record<string, string>) {
    const program = new URL("run-service.fixture.ts", import.meta.url).pathname;
    this.#process = spawn(process.execPath, [program], { env: { PATH: process.env.PATH, ...env } });
    this.#process.stdout?.on("data", (chunk) => (this.stdout += chunk));
    this.#process.stderr?.on("data", (chunk) => (this.stderr += chunk));
    onTestFinished(() => void this.#process.kill("SIGKILL"));
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async exitCode(): Promise<number | null> {
    if (this.#process.exitCode === null) await once(this.#process, "close");
    return this.#process.exitCode;
  }

  logged(message: string): Record<string, unknown> | undefined {
    const lines = this.stdout.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
    return lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === message);
  }

  async ports(): Promise<{ port: number; adminPort: number }> {
    const { port, adminPort } = await until(() => this.logged("serving"), {
      timeoutMs: 20_000,
      what: "serving",
    });
    return { port: Number(port), adminPort: Number(adminPort) };
  }
}

const TIMEOUT = { timeout: 30_000 };

test("a bad configuration is told, one sentence a key, with exit code 64", TIMEOUT, async () => {
  const service = new Service({ ANTIPHON_PORT: "x", ANTIPHON_CONSUL_URL: "nowhere" });
  expect(await service.exitCode()).toBe(64);
  expect(service.stderr.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^echo: ANTIPHON_DATABASE_URL is missing: /),
    "echo: ANTIPHON_CONSUL_URL: must be a URL like http://127.0.0.1:8500.",
    'echo: ANTIPHON_PORT: must be a whole number from 0 to 65535 (was "x").',
  ]);
  expect(service.stdout).toBe("");
});

test("a port that is taken is one sentence", TIMEOUT, async () => {
  const squatter = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void squatter.close());
  await once(squatter, "listening");
  const address = squatter.address();
  const port = typeof address === "object" && address ? String(address.port) : "";
  const service = new Service({ ...good, ANTIPHON_PORT: port });
  expect(await service.exitCode()).toBe(69);
  expect(service.stderr).toBe(
    `echo cannot start: port ${port} of 127.0.0.1 is taken; set another in ANTIPHON_PORT or ANTIPHON_ADMIN_PORT\n`,
  );
});

test("what cannot be built is one sentence", TIMEOUT, async () => {
  const service = new Service({ ...good, ANTIPHON_TEST: "cannot build" });
  expect(await service.exitCode()).toBe(69);
  expect(service.stderr).toBe("echo cannot start: the index folder is not writable\n");
});

test("a service serves without its registry, survives mistakes, and drains on SIGTERM", TIMEOUT, async () => {
  const service = new Service(good);
  const { port, adminPort } = await service.ports();
  const admin = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  await admin("/mistake");
  const { echo } = EchoService.method;
  const client = new StockClient(port);
  const inFlight = client.unary(echo, { text: "answered while draining", delayMs: 300 });
  await until(async () => {
    const metrics = await (await admin("/metrics")).text();
    return (
      metrics.includes('process_unhandled_errors_total{kind="unhandledRejection"} 1') &&
      metrics.includes('process_unhandled_errors_total{kind="uncaughtException"} 1') &&
      /grpc_server_started_total\{.*grpc_method="Echo"\} 1/.test(metrics)
    );
  });
  service.signal("SIGTERM");
  expect((await inFlight).answer.text).toBe("answered while draining");
  client.close();
  expect(await service.exitCode()).toBe(0);
  expect(service.logged("stopped")).toBeDefined();
  expect(service.stderr).toBe("");
});

test("a second signal ends a service that does not stop", TIMEOUT, async () => {
  const service = new Service({ ...good, ANTIPHON_TEST: "never stops" });
  await service.ports();
  service.signal("SIGINT");
  await until(() => service.logged("draining"));
  const exit = service.exitCode();
  const repeat = setInterval(() => service.signal("SIGINT"), 100);
  expect(await exit).toBe(130);
  clearInterval(repeat);
});

test("a service that is still starting ends at the first signal", TIMEOUT, async () => {
  const service = new Service({ ...good, ANTIPHON_ADMIN_PORT: "0", ANTIPHON_TEST: "never built" });
  await until(() => service.logged("starting"), { timeoutMs: 20_000 });
  service.signal("SIGTERM");
  expect(await service.exitCode()).toBe(0);
});
