import { constants } from "node:http2";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { frame } from "../transport/frames.ts";
import { type EchoHandlers, grpcPeer, http2Peer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport } from "./mesh-transport.ts";

const peers: Peer[] = [];
const transports: MeshTransport[] = [];

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

/** A client of replicas that are all connected. */
async function clientOf(...replicas: Peer[]) {
  peers.push(...replicas);
  const target = `static:///${replicas.map(({ port }) => `127.0.0.1:${port}`)}`;
  const registry = new Registry();
  const transport = createMeshTransport({ target, metrics: registry });
  transports.push(transport);
  const ready = () => transport.debugSnapshot().endpoints.filter(({ link }) => link === "ready").length;
  await until(() => ready() === replicas.length);
  const retries = async () => {
    const { values } = await registry.getSingleMetric("mesh_retries_total")!.get();
    return Object.fromEntries(
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.kind, value]),
    );
  };
  return { client: createClient(EchoService, transport), transport, retries };
}

/** Answers `unavailable` the first `times`, then as it should. */
function flaky(times: number, metadata = new grpc.Metadata()) {
  let calls = 0;
  const answer = (reply: grpc.sendUnaryData<object>) => {
    calls++;
    if (calls <= times) reply({ code: grpc.status.UNAVAILABLE, details: "not now", metadata });
    else reply(null, { text: "here" });
  };
  const handlers: EchoHandlers = {
    echo: (_call, reply) => answer(reply),
    echoOnce: (_call, reply) => answer(reply),
  };
  return { handlers, calls: () => calls };
}

/** Knows neither `Echo` nor `EchoOnce`. */
const otherService = () => grpcPeer({ echoBoth: (call) => call.end() });

test("an idempotent call survives two failures", async () => {
  const { handlers, calls } = flaky(2);
  const { client, retries } = await clientOf(await grpcPeer(handlers));
  expect((await client.echo({})).text).toBe("here");
  expect(calls()).toBe(3);
  expect(await retries()).toEqual({ budget: 2 });
});

test("a call that may have had an effect is sent once", async () => {
  const { handlers, calls } = flaky(1);
  const { client } = await clientOf(await grpcPeer(handlers));
  await expect(client.echoOnce({})).rejects.toMatchObject({ code: Code.Unavailable, attempt: 1 });
  expect(calls()).toBe(1);
});

test.each([grpc.status.NOT_FOUND, grpc.status.INTERNAL, grpc.status.DEADLINE_EXCEEDED])(
  "a call that fails with status %i is not sent again",
  async (code) => {
    let calls = 0;
    const peer = await grpcPeer({
      echo: (_call, answer) => {
        calls++;
        answer({ code });
      },
    });
    const { client } = await clientOf(peer);
    await expect(client.echo({})).rejects.toMatchObject({ attempt: 1 });
    expect(calls).toBe(1);
  },
);

test("a stream that the peer refused is sent again, whatever its contract says", async () => {
  let streams = 0;
  const refusing = await http2Peer((stream) => {
    streams++;
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  const { client, retries } = await clientOf(refusing);
  await expect(client.echoOnce({})).rejects.toMatchObject({ code: Code.Unavailable, attempt: 2 });
  expect(streams).toBe(2);
  expect(await retries()).toEqual({ never_reached: 1 });
});

test("an answer that is cut off before its status does not count as one of the answers of the retry", async () => {
  let calls = 0;
  const dying = await http2Peer((stream) => {
    calls++;
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(frame(new Uint8Array()));
    // Who answers the ping has read the message.
    stream.session!.ping(() => stream.session?.destroy());
  });
  const { client } = await clientOf(dying, await grpcPeer(flaky(0).handlers));
  await until(async () => {
    expect((await client.echo({})).text).toBe("here");
    return calls > 0;
  });
});

test("what one replica does not implement another does: an older version, or a foreign server on its port", async () => {
  const { client, transport, retries } = await clientOf(
    await otherService(),
    await grpcPeer(flaky(0).handlers),
  );
  for (let call = 0; call < 30; call++) expect((await client.echo({})).text).toBe("here");
  expect((await retries()).budget).toBeGreaterThan(0);
  expect(transport.debugSnapshot().endpoints.map(({ state }) => state)).not.toContain("ejected");
});

test("what no replica implements is asked for once of each", async () => {
  const { client } = await clientOf(await otherService(), await otherService());
  await expect(client.echo({})).rejects.toMatchObject({ code: Code.Unimplemented, attempt: 2 });
  await expect(client.echoOnce({})).rejects.toMatchObject({ code: Code.Unimplemented, attempt: 1 });
});

test("a call that met a server of another kind is sent again, whatever its contract says", async () => {
  const foreign = await http2Peer((stream) => stream.respond({ ":status": 404 }, { endStream: true }));
  const { client, transport } = await clientOf(foreign, await grpcPeer(flaky(0).handlers));
  await until(async () => {
    expect((await client.echoOnce({})).text).toBe("here");
    return transport.debugSnapshot().endpoints.every(({ picks }) => picks > 0);
  });
});

test("a peer that asks for no retry gets none, one that names a time gets it then", async () => {
  const never = new grpc.Metadata();
  never.set("grpc-retry-pushback-ms", "-1");
  const soon = new grpc.Metadata();
  soon.set("grpc-retry-pushback-ms", "30");
  const first = await clientOf(await grpcPeer(flaky(1, never).handlers));
  await expect(first.client.echo({})).rejects.toMatchObject({ attempt: 1 });
  const second = await clientOf(await grpcPeer(flaky(1, soon).handlers));
  const startedAtMs = performance.now();
  await second.client.echo({});
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(29);
});

test("a stream whose messages the caller has seen is not begun anew", async () => {
  let streams = 0;
  const peer = await grpcPeer({
    echoStream: (call) => {
      streams++;
      call.write({ index: 1 });
      call.emit("error", { code: grpc.status.UNAVAILABLE, details: "gone" });
    },
  });
  const { client } = await clientOf(peer);
  const seen: number[] = [];
  const read = async () => {
    for await (const { index } of client.echoStream({})) seen.push(index);
  };
  await expect(read()).rejects.toMatchObject({ code: Code.Unavailable });
  expect([seen, streams]).toEqual([[1], 1]);
});

test("no idempotent call fails when one of two replicas is killed under load", async () => {
  const handlers: EchoHandlers = { echo: (_call, answer) => setTimeout(() => answer(null, {}), 2) };
  const [doomed, other] = [await grpcPeer(handlers), await grpcPeer(handlers)];
  const { client, transport } = await clientOf(doomed, other);
  let over = false;
  let calls = 0;
  const caller = async () => {
    while (!over) {
      await client.echo({});
      calls++;
    }
  };
  const callers = Array.from({ length: 8 }, caller);
  const picks = () => transport.debugSnapshot().endpoints.map((endpoint) => endpoint.picks);
  await until(() => picks().every((count) => count > 100));
  await doomed.kill();
  const atKill = calls;
  await until(() => calls > atKill + 300);
  over = true;
  await Promise.all(callers);
});

test("a call that finds every replica gone ends after three tries, without waiting for its deadline", async () => {
  const peer = await grpcPeer({ echo: () => {} });
  const { client, transport, retries } = await clientOf(peer);
  const inFlight = client.echo({}, { timeoutMs: 60_000 }).catch((error: unknown) => error);
  await until(() => transport.debugSnapshot().endpoints[0]?.inFlight === 1);
  await peer.kill();
  expect(await inFlight).toMatchObject({ code: Code.Unavailable });
  const { budget = 0, never_reached = 0 } = await retries();
  expect(budget + never_reached).toBeLessThanOrEqual(2);
});

test("with everything failing, calls are sent hardly more often than they are made", async () => {
  let hits = 0;
  const peer = await grpcPeer({
    echo: (_call, answer) => {
      hits++;
      answer({ code: grpc.status.UNAVAILABLE });
    },
  });
  const { client, transport } = await clientOf(peer);
  const CALLS = 1_500;
  for (let batch = 0; batch < CALLS / 50; batch++) {
    await Promise.all(Array.from({ length: 50 }, () => client.echo({}).catch(() => {})));
  }
  // The share of a busy client, and the hundred retries that a quiet one may make in ten seconds.
  expect(hits).toBeLessThanOrEqual(CALLS * 1.2 + 100);
  expect(transport.debugSnapshot().endpoints[0]?.state).toBe("ejected");
}, 30_000);
