import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CallError, createMeshTransport, fail, serve } from "@antiphon/mesh";
import { echoService, startMesh, until } from "@antiphon/mesh/testing";
import { EchoRequestSchema, EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import { beforeAll, expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = `${root}.antiphon/grpc-go/`;
const descriptors = fileURLToPath(import.meta.resolve("@antiphon/proto/descriptors"));

beforeAll(() => {
  const built = spawnSync("go", ["build", "-o", bin, "./server", "./client"], {
    cwd: `${root}conformance/grpc-go`,
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(`go build: ${built.error?.message ?? built.stderr}`);
});

/** A Go program with the lines that it prints. */
function run(program: string, ...args: string[]): { child: ChildProcess; lines: string[] } {
  const child = spawn(`${bin}${program}`, [descriptors, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const reader: Interface = createInterface({ input: child.stdout! });
  reader.on("line", (line) => void lines.push(line));
  return { child, lines };
}

async function goServer() {
  const { child, lines } = run("server");
  const port = Number(await until(() => lines[0]));
  return { child, lines, port };
}

/** The mesh's client of servers on grpc-go. */
function clientOf(servers: readonly { port: number }[], options: { compressFromBytes?: number } = {}) {
  const target = `static:///${servers.map(({ port }) => `127.0.0.1:${port}`)}`;
  const transport = createMeshTransport({ target, ...options });
  onTestFinished(() => transport.close());
  return createClient(EchoService, transport);
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => (error instanceof CallError ? error : undefined),
  );

async function* several<T>(...messages: T[]) {
  yield* messages;
}

test("the mesh's client calls grpc-go", async () => {
  const client = clientOf([await goServer()]);
  const bytes: (string | null)[] = [];
  const noted = (headers: Headers) => void bytes.push(headers.get("x-bytes-bin"));
  const options = { headers: { "x-bytes-bin": "AP9h" }, onHeader: noted, onTrailer: noted };
  expect((await client.echo({ text: "amen" }, options)).text).toBe("amen");
  expect(bytes).toEqual(["AP9h", "AP9h"]);

  const failed = await failureOf(client.echo({ failCode: Code.FailedPrecondition, text: "why" }));
  expect(failed).toMatchObject({ code: Code.FailedPrecondition, rawMessage: "failed as asked: 100 % Bjørk" });
  expect(failed?.findDetails(EchoRequestSchema)).toMatchObject([{ text: "why" }]);

  const text = "x".repeat(8_000_000);
  expect((await client.echo({ text })).text).toBe(text);
});

test("the mesh's client streams to and from grpc-go", async () => {
  const server = await goServer();
  const client = clientOf([server]);
  let bytes = 0;
  for await (const { payload } of client.echoStream({ count: 100, messageBytes: 100_000 }))
    bytes += payload.length;
  expect(bytes).toBe(10_000_000);
  expect((await client.echoCollect(several({ text: "a" }, { text: "b" }))).texts).toEqual(["a", "b"]);
  const heard: string[] = [];
  for await (const { text } of client.echoBoth(several({ text: "call" }, { text: "response" })))
    heard.push(text);
  expect(heard).toEqual(["call", "response"]);
  const reader = new AbortController();
  const endless = client.echoStream({ count: 100_000, messageBytes: 100_000 }, { signal: reader.signal });
  const read = async () => {
    for await (const { index } of endless) if (index === 3) reader.abort();
  };
  expect((await failureOf(read()))?.code).toBe(Code.Canceled);
  await until(() => server.lines.includes("stream ended: Canceled"));
});

test("grpc-go hears of a deadline, and of a caller that gives up", async () => {
  const server = await goServer();
  const client = clientOf([server]);
  await client.echo({});
  const late = await failureOf(client.echo({ delayMs: 20_000 }, { timeoutMs: 100 }));
  expect(late?.code).toBe(Code.DeadlineExceeded);
  await until(() => server.lines.filter((line) => line.startsWith("call ended")).length === 1);
  const caller = new AbortController();
  const given = failureOf(client.echoOnce({ delayMs: 20_000 }, { signal: caller.signal }));
  setTimeout(() => caller.abort(), 100);
  expect((await given)?.code).toBe(Code.Canceled);
  await until(() => server.lines.includes("call ended: Canceled"));
});

test("a grpc-go server without gzip says so of a compressed request", async () => {
  const failed = await failureOf(clientOf([await goServer()], { compressFromBytes: 0 }).echo({ text: "a" }));
  expect(failed).toMatchObject({
    code: Code.Unimplemented,
    message: expect.stringContaining('Decompressor is not installed for grpc-encoding "gzip"'),
  });
});

test("no call fails while one of two grpc-go servers stops gracefully", async () => {
  const [first, second] = await Promise.all([goServer(), goServer()]);
  const client = clientOf([first, second]);
  await client.echoOnce({});
  let over = false;
  let calls = 0;
  const callers = Array.from({ length: 16 }, async () => {
    for (; !over; calls++) await client.echoOnce({ delayMs: 2 });
  });
  await until(() => calls > 300);
  const stoppedAt = calls;
  first.child.kill("SIGTERM");
  await until(() => first.child.exitCode === 0 && calls > stoppedAt + 300);
  over = true;
  await Promise.all(callers);
});

test("grpc-go calls the mesh's server", async () => {
  const echo = echoService();
  const handlers: typeof echo = {
    ...echo,
    async echo(request, context) {
      const bytes = context.requestHeader.get("x-bytes-bin");
      if (bytes) {
        context.responseHeader.set("x-bytes-bin", bytes);
        context.responseTrailer.set("x-bytes-bin", bytes);
      }
      if (request.failCode === Code.FailedPrecondition) {
        throw fail(Code.FailedPrecondition, "100 % Bjørk", EchoRequestSchema, { text: "why" });
      }
      return echo.echo(request, context);
    },
  };
  const mesh = await startMesh({ services: [{ name: "echo", served: [serve(EchoService, handlers)] }] });
  onTestFinished(() => mesh.stop());
  const replica = mesh.replicas("echo")[0]!;
  const { child, lines } = run("client", String(replica.registration.port));
  await until(() => lines.includes("in flight"), { timeoutMs: 20_000 });
  await replica.stop();
  await until(() => child.exitCode !== null);
  expect(lines.filter((line) => line !== "in flight")).toEqual(
    [
      "unary with binary metadata",
      "details of an error",
      "server stream",
      "client stream",
      "bidirectional stream",
      "3 MB both ways",
      "5 MB are refused",
      "gzip",
      "deadline",
      "cancel",
      "graceful stop",
    ].map((check) => `ok: ${check}`),
  );
});
