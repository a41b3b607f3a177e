import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { type EchoHandlers, grpcPeer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport } from "./mesh-transport.ts";

const peers: Peer[] = [];
const transports: MeshTransport[] = [];

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

/** A client whose endpoints, in the order of `replicas`, are all connected. */
async function clientOf(...replicas: EchoHandlers[]) {
  const started = await Promise.all(replicas.map((handlers) => grpcPeer(handlers)));
  peers.push(...started);
  const metrics = new Registry();
  const target = `static:///${started.map(({ port }) => `127.0.0.1:${port}`)}`;
  const transport = createMeshTransport({ target, metrics });
  transports.push(transport);
  const endpoints = () =>
    started.map(({ port }) =>
      transport.debugSnapshot().endpoints.find(({ address }) => address.endsWith(`:${port}`)),
    );
  await until(() => endpoints().every((endpoint) => endpoint?.link === "ready"));
  const retries = async (kind: string) => {
    const { values } = await metrics.getSingleMetric("mesh_retries_total")!.get();
    return values.filter(({ labels }) => labels.kind === kind).reduce((sum, { value }) => sum + value, 0);
  };
  return { client: createClient(EchoService, transport), endpoints, retries };
}

/** A server that answers every call alike. */
function answering(status: grpc.StatusObject | undefined) {
  let calls = 0;
  const answer = (reply: grpc.sendUnaryData<object>) => {
    calls++;
    if (status) reply(status);
    else reply(null, { text: "here" });
  };
  const handlers: EchoHandlers = {
    echo: (_call, reply) => answer(reply),
    echoOnce: (_call, reply) => answer(reply),
  };
  return { handlers, calls: () => calls };
}

function unavailable(trailers: Readonly<Record<string, string>>): grpc.StatusObject {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return { code: grpc.status.UNAVAILABLE, details: "no", metadata };
}

const refusing = () =>
  answering(
    unavailable({
      "antiphon-nack": "concurrency",
      "antiphon-load": "1",
      "grpc-retry-pushback-ms": "60",
    }),
  );

test("a call that a busy server refused is answered by another, also one that must not run twice", async () => {
  const [busy, other] = [refusing(), answering(undefined)];
  const { client, endpoints, retries } = await clientOf(busy.handlers, other.handlers);
  for (let call = 0; call < 50; call++) expect((await client.echoOnce({})).text).toBe("here");
  expect(busy.calls()).toBeGreaterThan(0);
  expect(other.calls()).toBe(50);
  expect(await retries("never_reached")).toBe(busy.calls());
  expect(await retries("budget")).toBe(0);
  expect(endpoints()[0]).toMatchObject({ state: "warming" });
});

test("a server that refused is spared for as long as it asked", async () => {
  const [busy, other] = [refusing(), answering(undefined)];
  const { client } = await clientOf(busy.handlers, other.handlers);
  await until(async () => {
    await client.echo({});
    return busy.calls() > 0;
  });
  const [refusedSoFar, refusedAtMs] = [busy.calls(), performance.now()];
  for (let call = 0; call < 20 && performance.now() - refusedAtMs < 40; call++) await client.echo({});
  expect(busy.calls()).toBe(refusedSoFar);
});

test("where nobody else is left, a refused call comes back when the server asked for it, under the budget", async () => {
  const busy = refusing();
  const { client, retries } = await clientOf(busy.handlers);
  const startedAtMs = performance.now();
  await expect(client.echoOnce({})).rejects.toMatchObject({ code: Code.Unavailable, attempt: 3 });
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(119);
  expect([await retries("budget"), await retries("never_reached")]).toEqual([2, 0]);
});

test("a fleet that refuses everything is hardly asked more often than there are calls", async () => {
  const fleet = [refusing(), refusing(), refusing()];
  const { client, endpoints } = await clientOf(...fleet.map(({ handlers }) => handlers));
  const CALLS = 900;
  for (let batch = 0; batch < CALLS / 90; batch++) {
    await Promise.all(Array.from({ length: 90 }, () => client.echo({}).catch(() => {})));
  }
  const hits = fleet.reduce((sum, { calls }) => sum + calls(), 0);
  expect(hits).toBeLessThanOrEqual(CALLS * 1.2 + 100 + 3 * 90);
  expect(endpoints().map((endpoint) => endpoint?.state)).toEqual(["warming", "warming", "warming"]);
}, 30_000);

test("a failure that any replica would answer with is neither sent again nor held against the server", async () => {
  const shut = answering(unavailable({ "grpc-retry-pushback-ms": "-1" }));
  const { client, endpoints } = await clientOf(shut.handlers);
  for (let call = 0; call < 20; call++) {
    await expect(client.echo({})).rejects.toMatchObject({ code: Code.Unavailable, attempt: 1 });
  }
  expect(shut.calls()).toBe(20);
  expect(endpoints()[0]).toMatchObject({ state: "warming" });
});

test("of two servers that are as fast the one with less load gets more calls", async () => {
  const telling = (load: string): EchoHandlers => ({
    echo: (_call, reply) => {
      const trailers = new grpc.Metadata();
      trailers.set("antiphon-load", load);
      setTimeout(() => reply(null, {}, trailers), 5);
    },
  });
  const { client, endpoints } = await clientOf(telling("1"), telling("0"));
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 12 }, () => client.echo({})));
  }
  const [loaded, idle] = endpoints();
  expect(loaded!.load).toBeGreaterThan(0.9);
  expect(idle!.picks).toBeGreaterThan(1.3 * loaded!.picks);
});
