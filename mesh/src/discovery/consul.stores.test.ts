import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { backing, until } from "../../testing/index.ts";
import { newId } from "../ids.ts";
import { consulDiscovery } from "./consul-discovery.ts";
import { consulRegistrar } from "./consul-registrar.ts";
import type { EndpointInfo, Registration } from "./discovery.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** The admin port of an instance, ready or not. */
async function adminPort(): Promise<{ port: number; ready: boolean }> {
  const admin = { port: 0, ready: true };
  const server = createServer((_, response) => response.writeHead(admin.ready ? 200 : 503).end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  cleanups.push(() => server.close());
  admin.port = (server.address() as AddressInfo).port;
  return admin;
}

function watch(service: string): { latest: readonly EndpointInfo[] | undefined } {
  const seen: { latest: readonly EndpointInfo[] | undefined } = { latest: undefined };
  const { close } = consulDiscovery({ url: backing().consulUrl }).watch(service, (endpoints) => {
    seen.latest = endpoints;
  });
  cleanups.push(close);
  return seen;
}

async function instance(service: string, admin: number): Promise<Registration> {
  const port = 7000 + Math.floor(Math.random() * 1000);
  const id = `${service}-${newId("i")}`;
  return { id, service, host: "127.0.0.1", port, adminPort: admin, version: "1.2.3", zone: "here" };
}

test("a registered instance is found once it is ready, left out when not, and gone when deregistered", async () => {
  const registrar = consulRegistrar({ url: backing().consulUrl });
  const service = newId("svc");
  const [a, b] = [await adminPort(), await adminPort()];
  const [first, second] = [await instance(service, a.port), await instance(service, b.port)];
  const seen = watch(service);
  await registrar.register(first);
  await registrar.register(second);
  cleanups.push(
    () => registrar.deregister(first.id),
    () => registrar.deregister(second.id),
  );
  await until(() => seen.latest?.length === 2);
  const { id, host, port, version, zone } = first;
  expect(seen.latest).toContainEqual({ id, host, port, version, zone, weight: 1 });
  b.ready = false;
  await until(() => seen.latest?.length === 1);
  b.ready = true;
  await until(() => seen.latest?.length === 2);
  await registrar.deregister(second.id);
  await until(() => seen.latest?.length === 1);
  expect(seen.latest?.[0]?.id).toBe(first.id);
});

test("services that offer reflection are found, with the contract of each instance", async () => {
  const registrar = consulRegistrar({ url: backing().consulUrl });
  const [offering, silent] = [newId("svc"), newId("svc")];
  const { port } = await adminPort();
  let services: readonly string[] = [];
  const { close } = consulDiscovery({ url: backing().consulUrl }).watchServices((latest) => {
    services = latest;
  });
  cleanups.push(close);
  const registrations = [
    { ...(await instance(offering, port)), contract: "digest" },
    await instance(silent, port),
  ];
  for (const registration of registrations) {
    await registrar.register(registration);
    cleanups.push(() => registrar.deregister(registration.id));
  }
  await until(() => services.includes(offering));
  expect(services).not.toContain(silent);
  const seen = watch(offering);
  await until(() => seen.latest?.[0]?.contract === "digest");
  await registrar.deregister(registrations[0]!.id);
  await until(() => !services.includes(offering));
});

test("an instance that Consul forgot is registered again", async () => {
  const url = backing().consulUrl;
  const registrar = consulRegistrar({ url, checkMs: 100 });
  const registration = await instance(newId("svc"), (await adminPort()).port);
  await registrar.register(registration);
  cleanups.push(() => registrar.deregister(registration.id));
  const known = async () => (await fetch(`${url}/v1/agent/service/${registration.id}`)).status === 200;
  expect(await known()).toBe(true);
  await fetch(`${url}/v1/agent/service/deregister/${registration.id}`, { method: "PUT" });
  await until(known);
});

test("a deregistered instance is not registered again", async () => {
  const url = backing().consulUrl;
  const registrar = consulRegistrar({ url, checkMs: 20 });
  const registration = await instance(newId("svc"), 1);
  await registrar.register(registration);
  await registrar.deregister(registration.id);
  expect((await fetch(`${url}/v1/agent/service/${registration.id}`)).status).toBe(404);
});

test("without Consul, registering waits, and deregistering ends it without an error", async () => {
  const registrar = consulRegistrar({ url: "http://127.0.0.1:1" });
  const registration = await instance("nobody", 1);
  const registering = registrar.register(registration);
  await registrar.deregister(registration.id);
  await registering;
});
