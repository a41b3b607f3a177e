import { fileURLToPath } from "node:url";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../testing/until.ts";
import { createMeshTransport } from "./client/index.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { type StaticDiscovery, staticDiscovery } from "./discovery/static-discovery.ts";
import { registerMesh } from "./grpc-js/index.ts";
import {
  deadPort,
  type EchoHandlers,
  grpcPeer,
  http2Peer,
  type Peer,
  tcpPeer,
} from "./transport/peers.fixture.ts";

/** Calls Echo once; rejects with an error that has a gRPC `code`. */
type Echo = (timeoutMs?: number) => Promise<string>;
/** Makes a client of `target`; what it holds is released by `closing`. */
type Binding = (target: string, discovery: Discovery, closing: (close: () => void) => void) => Echo;

const ownDataPlane: Binding = (target, discovery, closing) => {
  const transport = createMeshTransport({ target, discovery });
  closing(() => transport.close());
  const client = createClient(EchoService, transport);
  return async (timeoutMs = 3_000) => (await client.echo({}, { timeoutMs })).text;
};

interface EchoStub extends grpc.Client {
  Echo(
    request: object,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    answer: grpc.requestCallback<{ text: string }>,
  ): grpc.ClientUnaryCall;
}
type EchoStubConstructor = new (target: string, credentials: grpc.ChannelCredentials) => EchoStub;

/** As somebody who has never heard of the mesh makes a client: the .proto, proto-loader and grpc-js. */
const grpcJsDropIn: Binding = (target, discovery, closing) => {
  const includeDirs = [fileURLToPath(new URL("../../proto", import.meta.url))];
  const loaded: unknown = grpc.loadPackageDefinition(
    loadSync("antiphon/mesh/v1/echo.proto", { includeDirs }),
  );
  const { EchoService: Stub } = (
    loaded as { antiphon: { mesh: { v1: { EchoService: EchoStubConstructor } } } }
  ).antiphon.mesh.v1;
  registerMesh({ discovery });
  const client = new Stub(target, grpc.credentials.createInsecure());
  closing(() => client.close());
  return (timeoutMs = 3_000) =>
    new Promise((resolve, reject) => {
      client.Echo({}, new grpc.Metadata(), { deadline: Date.now() + timeoutMs }, (error, answer) =>
        error ? reject(error) : resolve(answer!.text),
      );
    });
};

const cleanups: (() => unknown)[] = [];
let services = 0;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start<P extends Peer>(peer: Promise<P>): Promise<P> {
  const started = await peer;
  cleanups.push(() => started.kill());
  return started;
}

const named = (name: string): EchoHandlers => ({ echo: (_call, answer) => answer(null, { text: name }) });

const failing = (code: grpc.status): EchoHandlers => ({ echo: (_call, answer) => answer({ code }) });

const after = (name: string, delayMs: number): EchoHandlers => ({
  echo: (_call, answer) => setTimeout(() => answer(null, { text: name }), delayMs),
});

function tell(discovery: StaticDiscovery, service: string, peers: readonly { port: number }[]): void {
  const infos = peers.map(({ port }) => ({
    id: `echo-${port}`,
    host: "127.0.0.1",
    port,
    version: "1",
    zone: "z",
    weight: 1,
  }));
  discovery.update({ [service]: infos });
}

describe.each([
  ["our own data plane", ownDataPlane],
  ["the drop-in for grpc-js", grpcJsDropIn],
])("through %s", (_name, bind) => {
  function meshOf(...initial: { port: number }[]) {
    const service = `echo${++services}`;
    const discovery = staticDiscovery();
    tell(discovery, service, initial);
    const echo = bind(`consul:///${service}`, discovery, (close) => cleanups.push(close));
    const seen = async (count: number) => {
      const names = await Promise.all(
        Array.from({ length: count }, () => echo().catch((error: { code: number }) => `code ${error.code}`)),
      );
      return Object.fromEntries(
        [...new Set(names)].map((name) => [name, names.filter((n) => n === name).length]),
      );
    };
    return { echo, seen, update: (...peers: { port: number }[]) => tell(discovery, service, peers) };
  }

  test("calls are balanced over all endpoints", async () => {
    const peers = await Promise.all(["a", "b", "c"].map((name) => start(grpcPeer(after(name, 20)))));
    const { seen } = meshOf(...peers);
    await until(async () => Object.keys(await seen(10)).length === 3);
    for (let round = 0; round < 5; round++) await seen(10);
    const shares = await seen(90);
    for (const name of ["a", "b", "c"]) expect(shares[name]).toBeGreaterThan(5);
  });

  test("an endpoint that comes gets calls, one that goes gets none", async () => {
    const a = await start(grpcPeer(named("a")));
    const b = await start(grpcPeer(named("b")));
    const { seen, update } = meshOf(a);
    expect(await seen(10)).toEqual({ a: 10 });
    update(a, b);
    await until(async () => (await seen(10)).b);
    update(b);
    expect(await seen(10)).toEqual({ b: 10 });
  });

  test("a slow endpoint gets few calls of a burst", async () => {
    const slow = await start(grpcPeer(after("slow", 200)));
    const fast = await start(grpcPeer(after("fast", 5)));
    const { seen } = meshOf(slow, fast);
    // Until both are known well: each gets five calls one by one first.
    for (let round = 0; round < 10; round++) await seen(4);
    expect((await seen(40)).fast).toBeGreaterThan(30);
  });

  test("an endpoint that only fails is ejected", async () => {
    const broken = await start(grpcPeer(failing(grpc.status.INTERNAL)));
    const good = await start(grpcPeer(named("good")));
    const { seen } = meshOf(broken, good);
    await until(async () => (await seen(20))["code 13"]);
    await until(async () => (await seen(20)).good === 20);
    expect(await seen(50)).toEqual({ good: 50 });
  });

  test("with all endpoints ejected all are used", async () => {
    const { seen } = meshOf(await start(grpcPeer(failing(grpc.status.INTERNAL))));
    for (let round = 0; round < 5; round++) expect(await seen(10)).toEqual({ "code 13": 10 });
  });

  test("an endpoint that answers not_found is well", async () => {
    let calls = 0;
    const peer = await start(
      grpcPeer({
        echo: (_call, answer) => {
          calls++;
          answer({ code: grpc.status.NOT_FOUND });
        },
      }),
    );
    const { seen } = meshOf(peer, await start(grpcPeer(named("other"))));
    await until(async () => (await seen(10))["code 5"]);
    const before = calls;
    await seen(100);
    expect(calls - before).toBeGreaterThan(10);
  });

  test("five updates with and without another endpoint open no second connection", async () => {
    const peer = await start(
      http2Peer((stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.of(0, 0, 0, 0, 0));
      }),
    );
    const other = await start(grpcPeer(named("other")));
    const { echo, update } = meshOf(peer);
    await echo();
    for (let time = 0; time < 5; time++) {
      update(peer, other);
      update(peer);
      await echo();
    }
    expect(peer.connections()).toBe(1);
  });

  test("no endpoint, or none that can be connected, fails calls at once", async () => {
    for (const peers of [[], [{ port: await deadPort() }]]) {
      await expect(meshOf(...peers).echo(60_000)).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
    }
  });

  test("peers that are mute or talk garbage cost no call while another answers", async () => {
    const mute = await start(tcpPeer(() => {}));
    const garbage = await start(tcpPeer((socket) => socket.end("220 smtp ready\r\n")));
    const { seen } = meshOf(mute, garbage, await start(grpcPeer(named("live"))));
    for (let round = 0; round < 5; round++) expect(await seen(10)).toEqual({ live: 10 });
  });

  test("with its only peer mute, a call fails after the handshake's time and not at its deadline", async () => {
    const { echo } = meshOf(await start(tcpPeer(() => {})));
    const startedAtMs = performance.now();
    await expect(echo(60_000)).rejects.toMatchObject({
      code: grpc.status.UNAVAILABLE,
      message: expect.stringContaining("did not speak HTTP/2"),
    });
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
  }, 15_000);
});
