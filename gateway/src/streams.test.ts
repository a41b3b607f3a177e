import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serve } from "@antiphon/mesh";
import { startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { EchoService, EchoStreamRequestSchema } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Access, MethodSemanticsSchema } from "@antiphon/proto/antiphon/options/v1/options";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { enveloped } from "../testing/raw.ts";
import { MAX_MESSAGE_BYTES } from "./calls.ts";
import { readContracts } from "./contracts/routes.ts";
import { callsOf, edgeHandler } from "./edge.ts";
import { type Front, openFront } from "./front.ts";
import { getCache } from "./get-cache.ts";
import { strictMetadata } from "./metadata.ts";
import { cors } from "./session/cors.ts";
import { edgeTelemetry } from "./telemetry.ts";

/** Streams through the gateway from a service on the mesh that never ends one by itself. */
const MESSAGE_BYTES = 27_000;
const seen = { produced: 0, open: 0, calls: 0 };
let mesh: TestMesh;
let front: Front;
let drain: AbortController;
let release: () => void;
let released: Promise<void>;

beforeAll(async () => {
  const echo = {
    async echo({ text }) {
      seen.calls++;
      await released;
      return { text };
    },
    async *echoStream({ intervalMs }, { signal }) {
      seen.open++;
      try {
        const payload = new Uint8Array(MESSAGE_BYTES);
        for (let index = 0; !signal.aborted; index++) {
          seen.produced++;
          yield { index, payload };
          if (intervalMs > 0 && !signal.aborted) await once(signal, "abort");
        }
      } finally {
        seen.open--;
      }
    },
  } satisfies Partial<ServiceImpl<typeof EchoService>>;
  const served = [serve(EchoService, echo as unknown as ServiceImpl<typeof EchoService>)];
  mesh = await startMesh({ services: [{ name: "echo", served }] });
});
afterAll(() => mesh.stop());

beforeEach(async () => {
  seen.produced = 0;
  seen.calls = 0;
  drain = new AbortController();
  ({ promise: released, resolve: release } = Promise.withResolvers<void>());
  const semantics = create(MethodSemanticsSchema, { access: Access.PUBLIC });
  const { echo, echoStream } = EchoService.method;
  const routes = [echo, echoStream].map((method) => ({ method, semantics, service: "echo" }));
  const transport = mesh.deps("gateway").transport("consul:///echo");
  const calls = {
    contracts: readContracts(),
    admission: { admit: async () => undefined },
    guesses: { check() {}, wrong() {} },
    addressOf: () => "",
    transport: () => transport,
    metadata: strictMetadata,
    getCache: getCache({ maxBytes: 1_048_576, metrics: new Registry() }),
    monotonic: () => performance.now(),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    untimedMs: undefined,
    signal: drain.signal,
  };
  const handler = edgeHandler({
    calls: callsOf({ ...calls, routes, secureCookies: false }),
    cors: cors(new Set()),
    media: (_request, response) => void response.end(),
    page: undefined,
    telemetry: edgeTelemetry({
      metrics: new Registry(),
      log: pino({ level: "silent" }),
      monotonic: () => performance.now(),
    }),
  });
  front = await openFront(handler, { host: "127.0.0.1", port: 0 });
  return async () => {
    front.close();
    await front.drain();
  };
});

const types = ["application/connect+proto", "application/connect+json"] as const;

/** Asks for the stream, with one message only where it is to be quiet then, and reads nothing of it yet. */
async function ask(type: (typeof types)[number], intervalMs = 0): Promise<Socket> {
  const request = create(EchoStreamRequestSchema, { intervalMs });
  const body = enveloped(
    type.endsWith("json")
      ? Buffer.from(`{"intervalMs":${intervalMs}}`)
      : toBinary(EchoStreamRequestSchema, request),
  );
  const socket = connect(front.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  await once(socket, "connect");
  socket.write(
    `POST /antiphon.mesh.v1.EchoService/EchoStream HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

test.each(types)("a reader of %s that stalls holds at most 8 MB, and its leaving is heard", async (type) => {
  const socket = await ask(type);
  await until(() => seen.produced > 0);
  // At rest when nothing was produced between two looks.
  let last = -1;
  await until(async () => {
    const still = seen.produced === last;
    last = seen.produced;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return still;
  });
  expect(seen.produced * MESSAGE_BYTES).toBeLessThan(8_000_000);
  const leftAtMs = performance.now();
  socket.destroy();
  await until(() => seen.open === 0);
  // A machine under load: the target of 100 ms is for one that is not.
  expect(performance.now() - leftAtMs).toBeLessThan(1000);
});

test.each(types)(
  "a thousand streams of %s that are given up leave no call open",
  async (type) => {
    for (let round = 0; round < 20; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => ask(type, 1)));
      for (const socket of sockets) socket.destroy();
    }
    await until(() => seen.open === 0 && front.connections === 0, { timeoutMs: 30_000 });
  },
  90_000,
);

test.each(types)("draining ends a stream of %s with unavailable", async (type) => {
  const socket = await ask(type);
  await until(() => seen.produced > 0);
  drain.abort();
  let tail = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    tail = (tail + chunk).slice(-400);
  });
  socket.resume();
  await until(() => tail.includes('"code":"unavailable"'));
  socket.destroy();
});

test.each(["proto", "json"])(
  "a call of %s that was under way when draining began is answered",
  async (type) => {
    const answering = fetch(`http://127.0.0.1:${front.port}/antiphon.mesh.v1.EchoService/Echo`, {
      method: "POST",
      headers: { "content-type": `application/${type}` },
      body: type === "json" ? "{}" : new Uint8Array(0),
    });
    await until(() => seen.calls === 1);
    drain.abort();
    const drained = front.drain();
    release();
    expect((await answering).status).toBe(200);
    await drained;
  },
);
