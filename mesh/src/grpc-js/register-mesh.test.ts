import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import type { EndpointInfo } from "../discovery/discovery.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import { type EchoHandlers, grpcPeer, http2Peer, type Peer, tcpPeer } from "../transport/peers.fixture.ts";
import { registerMesh } from "./index.ts";

/** As somebody who has never heard of the mesh makes a client: the .proto, proto-loader and grpc-js. */
const protos = fileURLToPath(new URL("../../../proto", import.meta.url));
const loaded = grpc.loadPackageDefinition(
  loadSync("antiphon/mesh/v1/echo.proto", { includeDirs: [protos], keepCase: true }),
);

interface EchoStub extends grpc.Client {
  Echo(
    request: { text?: string; delay_ms?: number },
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    answer: grpc.requestCallback<{ text: string }>,
  ): grpc.ClientUnaryCall;
}

type EchoStubConstructor = new (
  target: string,
  credentials: grpc.ChannelCredentials,
  options?: object,
) => EchoStub;

const packages = loaded as unknown as { antiphon: { mesh: { v1: { EchoService: EchoStubConstructor } } } };
const { EchoService } = packages.antiphon.mesh.v1;

const peers: Peer[] = [];
const clients: EchoStub[] = [];
let services = 0;

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

async function start<P extends Peer>(peer: Promise<P>): Promise<P> {
  const started = await peer;
  peers.push(started);
  return started;
}

const named = (name: string): EchoHandlers => ({ echo: (_call, answer) => answer(null, { text: name }) });

function infoOf(peer: Peer): EndpointInfo {
  return { id: `echo-${peer.port}`, host: "127.0.0.1", port: peer.port, version: "1", zone: "z", weight: 1 };
}

/** A client of `consul:///…` whose discovery the test holds in its hands. */
function meshClient(...initial: Peer[]) {
  const service = `echo${++services}`;
  const discovery = staticDiscovery({ [service]: initial.map(infoOf) });
  registerMesh({ discovery });
  const client = new EchoService(`consul:///${service}`, grpc.credentials.createInsecure());
  clients.push(client);
  const echo = (deadlineMs = 3_000) =>
    new Promise<string>((resolve, reject) => {
      client.Echo({}, new grpc.Metadata(), { deadline: Date.now() + deadlineMs }, (error, answer) =>
        error ? reject(error) : resolve(answer!.text),
      );
    });
  const update = (...now: Peer[]) => discovery.update({ [service]: now.map(infoOf) });
  return { echo, update };
}

async function answers(echo: () => Promise<string>, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (const name of await Promise.all(Array.from({ length: count }, () => echo()))) {
    seen[name] = (seen[name] ?? 0) + 1;
  }
  return seen;
}

test("a proto-loader client with the target consul:/// is balanced over all endpoints", async () => {
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => start(grpcPeer(named(name)))));
  const { echo } = meshClient(a!, b!, c!);
  await until(async () => Object.keys(await answers(echo, 10)).length === 3);
  const seen = await answers(echo, 300);
  for (const name of ["a", "b", "c"]) expect(seen[name]).toBeGreaterThan(20);
});

test("an endpoint that comes gets calls, one that goes gets none", async () => {
  const a = await start(grpcPeer(named("a")));
  const b = await start(grpcPeer(named("b")));
  const { echo, update } = meshClient(a);
  expect(await answers(echo, 10)).toEqual({ a: 10 });
  update(a, b);
  await until(async () => (await answers(echo, 10)).b);
  update(b);
  expect(await answers(echo, 10)).toEqual({ b: 10 });
});

test("five identical updates open no connection", async () => {
  const peer = await start(
    http2Peer((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.of(0, 0, 0, 0, 0));
    }),
  );
  const { echo, update } = meshClient(peer);
  await echo();
  const other = await start(grpcPeer(named("other")));
  for (let time = 0; time < 5; time++) {
    update(peer, other);
    update(peer);
    await echo();
  }
  expect(peer.connections()).toBe(1);
});

test("calls keep going to an endpoint that answers not_found", async () => {
  const peer = await start(grpcPeer({ echo: (_call, answer) => answer({ code: grpc.status.NOT_FOUND }) }));
  const { echo } = meshClient(peer);
  for (let call = 0; call < 30; call++) {
    await expect(echo()).rejects.toMatchObject({ code: grpc.status.NOT_FOUND });
  }
});

test("a service without endpoints fails calls at once instead of letting them hang", async () => {
  const { echo } = meshClient();
  await expect(echo(60_000)).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
});

test("a peer that accepts and never speaks holds no call up while another answers", async () => {
  const mute = await start(tcpPeer(() => {}));
  const live = await start(grpcPeer(named("live")));
  const { echo } = meshClient(mute, live);
  expect(await answers(echo, 20)).toEqual({ live: 20 });
});

test("with its only peer mute, calls fail after the handshake's time and not at their deadline", async () => {
  const mute = await start(tcpPeer(() => {}));
  const { echo } = meshClient(mute);
  const startedAtMs = performance.now();
  await expect(echo(60_000)).rejects.toMatchObject({
    code: grpc.status.UNAVAILABLE,
    details: expect.stringContaining("did not speak HTTP/2"),
  });
  expect(performance.now() - startedAtMs).toBeLessThan(8_000);
}, 15_000);

test("a slow endpoint gets few calls of a burst", async () => {
  const slow = await start(
    grpcPeer({ echo: (_call, answer) => setTimeout(() => answer(null, { text: "slow" }), 200) }),
  );
  const fast = await start(
    grpcPeer({ echo: (_call, answer) => setTimeout(() => answer(null, { text: "fast" }), 5) }),
  );
  const { echo } = meshClient(slow, fast);
  await until(async () => (await answers(echo, 10)).slow && (await answers(echo, 10)).fast);
  for (let warm = 0; warm < 8; warm++) await answers(echo, 4);
  const seen = await answers(echo, 40);
  expect(seen.fast).toBeGreaterThan(30);
});
