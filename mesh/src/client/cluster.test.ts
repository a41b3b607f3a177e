import { constants, type Http2Session } from "node:http2";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import { type EchoHandlers, grpcPeer, http2Peer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";

const peers: Peer[] = [];
const transports: MeshTransport[] = [];

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

async function start<P extends Peer>(peer: Promise<P>): Promise<P> {
  const started = await peer;
  peers.push(started);
  return started;
}

const named = (name: string): EchoHandlers => ({ echo: (_call, answer) => answer(null, { text: name }) });

const infoOf = (peer: Peer, version = "1") => ({
  id: `echo-${peer.port}`,
  host: "127.0.0.1",
  port: peer.port,
  version,
  zone: "z",
  weight: 1,
});

function meshOf(initial: readonly Peer[], options: Partial<MeshTransportOptions> = {}) {
  const discovery = staticDiscovery({ echo: initial.map((peer) => infoOf(peer)) });
  const transport = createMeshTransport({ target: "consul:///echo", discovery, ...options });
  transports.push(transport);
  return {
    transport,
    client: createClient(EchoService, transport),
    update: (...now: Peer[]) => discovery.update({ echo: now.map((peer) => infoOf(peer)) }),
    links: () => transport.debugSnapshot().endpoints.map(({ link }) => link),
    stateOf: (peer: Peer) =>
      transport.debugSnapshot().endpoints.find(({ id }) => id === infoOf(peer).id)?.state,
  };
}

test("a new replica gets calls, one that discovery dropped gets none and ends its calls in peace", async () => {
  const slow = Promise.withResolvers<void>();
  const old = await start(
    grpcPeer({ echo: (_call, answer) => void slow.promise.then(() => answer(null, { text: "old" })) }),
  );
  const fresh = await start(grpcPeer(named("fresh")));
  const { client, update, transport } = meshOf([old]);
  const inFlight = client.echo({});
  await until(() => transport.debugSnapshot().endpoints[0]?.inFlight === 1);
  update(fresh);
  for (let call = 0; call < 5; call++) expect((await client.echo({})).text).toBe("fresh");
  slow.resolve();
  expect((await inFlight).text).toBe("old");
});

test("a replica that comes back is connected again", async () => {
  const first = await grpcPeer(named("first"));
  const { client, links } = meshOf([first]);
  await client.echo({});
  await first.kill();
  await until(() => links()[0] === "backoff");
  await expect(client.echo({})).rejects.toMatchObject({ code: Code.Unavailable });
  await start(grpcPeer(named("second"), first.port));
  await until(() => links()[0] === "ready");
  expect((await client.echo({})).text).toBe("second");
});

test("a caller whose whole subset dies goes on with others, before discovery knows", async () => {
  const replicas = await Promise.all([1, 2, 3].map(() => start(grpcPeer(named("here")))));
  const { client, transport } = meshOf(replicas, { balance: { subsetSize: 1 } });
  await client.echo({});
  const [used] = transport.debugSnapshot().endpoints;
  await replicas.find((peer) => infoOf(peer).id === used?.id)!.kill();
  await until(() => transport.debugSnapshot().endpoints.length > 1);
  expect((await client.echo({})).text).toBe("here");
});

test("GOAWAY moves calls to a new connection without a failure", async () => {
  const sessions: Http2Session[] = [];
  const peer = await start(
    http2Peer((stream) => {
      if (stream.session && !sessions.includes(stream.session)) sessions.push(stream.session);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.of(0, 0, 0, 0, 0));
    }),
  );
  const { client } = meshOf([peer]);
  await client.echoOnce({});
  for (let round = 1; round <= 5; round++) {
    sessions.at(-1)!.goaway(constants.NGHTTP2_NO_ERROR);
    await Promise.all(Array.from({ length: 10 }, () => client.echoOnce({})));
    await until(async () => {
      await client.echoOnce({});
      return sessions.length > round;
    });
  }
});

test("an endpoint that only fails is ejected while the others serve, and comes back", async () => {
  let broken = true;
  const failing = await start(
    grpcPeer({
      echo: (_call, answer) =>
        broken ? answer({ code: grpc.status.INTERNAL }) : answer(null, { text: "mended" }),
    }),
  );
  const good = await start(grpcPeer(named("good")));
  const { client, stateOf } = meshOf([failing, good], { balance: { ejection: { baseMs: 1_000 } } });
  const call = () =>
    client.echo({}).then(
      ({ text }) => text,
      () => "failed",
    );
  await until(async () => {
    await call();
    return stateOf(failing) === "ejected";
  });
  for (let count = 0; count < 10; count++) expect(await call()).toBe("good");
  broken = false;
  await until(async () => (await call()) === "mended", { timeoutMs: 10_000 });
  await until(() => stateOf(failing) === "warming");
});

test("metrics name service and version of the destination and never the instance", async () => {
  const registry = new Registry();
  const peer = await start(grpcPeer(named("a")));
  const { client } = meshOf([peer], { metrics: registry });
  await client.echo({});
  await client.echo({ text: "again" });
  await client.echoOnce({}).catch(() => {});
  const text = await registry.metrics();
  const method = 'grpc_type="unary",grpc_service="antiphon.mesh.v1.EchoService",grpc_method="Echo"';
  expect(text).toContain(`grpc_client_started_total{${method},dst_service="echo"} 2`);
  expect(text).toContain(
    `grpc_client_handled_total{${method},dst_service="echo",dst_version="1",grpc_code="OK"} 2`,
  );
  expect(text).toContain(
    'grpc_method="EchoOnce",dst_service="echo",dst_version="1",grpc_code="Unimplemented"} 1',
  );
  expect(text).toMatch(/grpc_client_handling_seconds_count\{.*grpc_method="Echo",.*\} 2/);
  expect(text).toContain(`grpc_client_msg_received_total{${method},dst_service="echo",dst_version="1"} 2`);
  expect(text).toContain('mesh_lb_endpoints{dst_service="echo",state="warming"} 1');
  expect(text).toContain('mesh_circuit_state{dst_service="echo",state="closed"} 1');
  expect(text).toContain('mesh_retry_budget_ratio{dst_service="echo"} 1');
  expect(text).not.toContain(String(peer.port));
});
