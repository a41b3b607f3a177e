import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../testing/until.ts";
import { consulDiscovery } from "../discovery/consul-discovery.ts";
import { http2Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport } from "./mesh-transport.ts";

const FLEET = 10_000;
const SUBSET = 100;

const CHECK = { Node: "node", Status: "passing", Output: "HTTP GET 200 OK Output: ".padEnd(1_000, "x") };

/** As long as Consul has them, 2.6 kB: with its node, two checks and what their last run printed. */
function entryOf(index: number, port: number) {
  return {
    Node: { ID: "a".repeat(36), Node: "node", Address: "127.0.0.1", Datacenter: "dc1" },
    Service: {
      ID: `echo-${index}`,
      Service: "echo",
      Tags: [],
      Address: "127.0.0.1",
      Port: port,
      Meta: { version: "1", zone: `zone-${index % 3}`, admin_port: "9000" },
      Weights: { Passing: 1, Warning: 1 },
    },
    Checks: [CHECK, CHECK],
  };
}

/** A Consul that knows of ever other ones of a fleet, whose members all are the same peer. */
async function largeConsul(port: number) {
  let index = 1;
  let waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    const asked = Number(new URL(request.url!, "http://consul").searchParams.get("index") ?? 0);
    if (asked >= index) await new Promise<void>((resolve) => waiting.push(resolve));
    const first = index * 1_000;
    const entries = Array.from({ length: FLEET }, (_, n) => entryOf(first + n, port));
    response.setHeader("X-Consul-Index", index).end(JSON.stringify(entries));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** A thousand go, a thousand come. */
    change() {
      index++;
      for (const answer of waiting) answer();
      waiting = [];
    },
  };
}

test("of ten thousand endpoints a caller uses a hundred, and keeps most of them when some go", async () => {
  const peer = await http2Peer((stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  });
  onTestFinished(() => peer.kill());
  const consul = await largeConsul(peer.port);
  const discovery = consulDiscovery({ url: consul.url });
  const transport = createMeshTransport({ target: "consul:///echo", discovery });
  onTestFinished(() => transport.close());
  const client = createClient(EchoService, transport);
  const used = () => new Set(transport.debugSnapshot().endpoints.map(({ id }) => id));

  await client.echo({}, { timeoutMs: 30_000 });
  await until(() => transport.debugSnapshot().endpoints.every(({ link }) => link === "ready"));
  const before = used();
  expect(before.size).toBe(SUBSET);
  await Promise.all(Array.from({ length: 500 }, () => client.echo({})));
  expect(transport.debugSnapshot().endpoints.filter(({ picks }) => picks > 0).length).toBeGreaterThan(
    SUBSET / 2,
  );

  consul.change();
  await until(() => [...before].some((id) => !used().has(id)), { timeoutMs: 30_000 });
  await Promise.all(Array.from({ length: 500 }, () => client.echo({})));
  const kept = [...used()].filter((id) => before.has(id)).length;
  // A tenth of the fleet has gone, and some of those that came rank before those that were used.
  expect(kept).toBeGreaterThan(SUBSET / 2);
  expect(peer.connections()).toBeLessThan(2 * SUBSET);
}, 60_000);
