import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/index.ts";
import { consulRegistrar } from "./consul-registrar.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A Consul that takes registrations, and lists services as it is told to. */
async function fakeConsul() {
  const consul = { url: "", registered: [] as object[], lists: 0, list: { status: 200, body: "{}" } };
  const server = createServer(async (request, response) => {
    if (request.method === "PUT") {
      const chunks = await request.toArray();
      if (request.url?.endsWith("/register"))
        consul.registered.push(JSON.parse(Buffer.concat(chunks).toString()));
      return void response.end();
    }
    consul.lists++;
    response.writeHead(consul.list.status, { "content-type": "application/json" }).end(consul.list.body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanups.push(() => server.close().closeAllConnections());
  consul.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return consul;
}

const registration = {
  id: "catalog-1",
  service: "catalog",
  host: "::1",
  port: 7001,
  adminPort: 7002,
  version: "2.0.0",
  zone: "here",
};

test("an instance is registered with its check, version, zone, admin port and contract", async () => {
  const consul = await fakeConsul();
  const registrar = consulRegistrar({ url: consul.url });
  await registrar.register({ ...registration, contract: "digest" });
  cleanups.push(() => registrar.deregister("catalog-1"));
  expect(consul.registered).toEqual([
    {
      ID: "catalog-1",
      Name: "catalog",
      Address: "::1",
      Port: 7001,
      Meta: { version: "2.0.0", zone: "here", admin_port: "7002", contract: "digest" },
      Tags: ["grpc-reflection"],
      Check: expect.objectContaining({
        HTTP: "http://[::1]:7002/readyz",
        Interval: "1s",
        DeregisterCriticalServiceAfter: "1m",
      }),
    },
  ]);
});

test.each([
  ["an error", { status: 500, body: "no leader" }],
  ["something that is not JSON", { status: 200, body: "<html></html>" }],
  ["a number", { status: 200, body: "7" }],
])("%s in place of the list of services is not taken for having been forgotten", async (_, list) => {
  const consul = await fakeConsul();
  consul.list = list;
  const registrar = consulRegistrar({ url: consul.url, checkMs: 10 });
  await registrar.register(registration);
  cleanups.push(() => registrar.deregister("catalog-1"));
  await until(() => consul.lists >= 2);
  expect(consul.registered).toHaveLength(1);
  consul.list = { status: 200, body: "{}" };
  await until(() => consul.registered.length >= 2);
});
