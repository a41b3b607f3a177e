import type { Served } from "@antiphon/mesh";
import { backing, startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { ConductorService, Health } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "./build.ts";
import { loadConfig } from "./config.ts";

let mesh: TestMesh;
const operator = { id: "lst_operator", operator: true };
/** Of this test only: other tests use the same Consul. */
const service = `choir-${process.pid}`;

beforeAll(async () => {
  const config = loadConfig({ ANTIPHON_CONSUL_URL: backing().consulUrl });
  mesh = await startMesh({
    services: [{ name: "conductor", build: (deps): Served[] => build(deps, config) }],
  });
});
afterAll(async () => {
  for (const id of ["a", "b"]) await deregister(id);
  await mesh.stop();
});

async function agent(path: string, body?: unknown): Promise<void> {
  const url = new URL(`/v1/agent/service/${path}`, backing().consulUrl);
  const response = await fetch(url, { method: "PUT", body: JSON.stringify(body ?? {}) });
  expect(response.status).toBe(200);
}
function register(id: string, status: "passing" | "critical", adminPort: number): Promise<void> {
  return agent("register", {
    ID: `${service}-${id}`,
    Name: service,
    Address: "127.0.0.1",
    Port: 4000,
    Meta: { admin_port: String(adminPort), version: "7", zone: "north" },
    Check: { TTL: "1h", Status: status },
  });
}
const deregister = (id: string) => agent(`deregister/${service}-${id}`);
const conductor = () => mesh.client(ConductorService, { listener: operator });
const listed = async () => (await conductor().listInstances({ service })).instances;

test("instances are listed as Consul has them, and leave when they deregister", async () => {
  await register("a", "passing", 4001);
  await register("b", "critical", 4002);
  const [a, b] = await until(async () => {
    const instances = await listed();
    return instances.length === 2 && instances;
  });
  expect(a).toMatchObject({
    service,
    host: "127.0.0.1",
    port: 4000,
    adminPort: 4001,
    version: "7",
    zone: "north",
  });
  expect([a?.health, b?.health]).toEqual([Health.PASSING, Health.CRITICAL]);
  const { instances: all } = await conductor().listInstances({});
  expect(all.map((instance) => instance.service)).not.toContain("consul");
  await deregister("b");
  await until(async () => (await listed()).length === 1);
});

test("a watcher is told now and at each change", async () => {
  const leave = new AbortController();
  const stream = conductor().watchInstances({}, { signal: leave.signal })[Symbol.asyncIterator]();
  const next = async () =>
    ((await stream.next()).value?.instances ?? []).filter(
      (instance: { service: string }) => instance.service === service,
    ).length;
  const before = await next();
  await register("b", "passing", 4002);
  while ((await next()) !== before + 1);
  leave.abort();
  await expect(stream.next()).rejects.toMatchObject({ code: Code.Canceled });
});

test("Prometheus reads the targets on the admin port", async () => {
  await register("a", "passing", 4001);
  await until(async () => (await listed()).some(({ id }) => id === `${service}-a`));
  const { adminPort } = mesh.replicas("conductor")[0]!.registration;
  const response = await fetch(`http://127.0.0.1:${adminPort}/sd/prometheus`);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toContainEqual({
    targets: ["127.0.0.1:4001"],
    labels: { job: service, instance_id: `${service}-a`, version: "7", zone: "north" },
  });
});

test("only operators are told, and a service name has its limits", async () => {
  const somebody = mesh.client(ConductorService, { listener: { id: "lst_somebody" } });
  await expect(somebody.listInstances({})).rejects.toMatchObject({ code: Code.PermissionDenied });
  await expect(mesh.client(ConductorService).listInstances({})).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
  const tooLong = conductor().listInstances({ service: "x".repeat(81) });
  await expect(tooLong).rejects.toMatchObject({ code: Code.InvalidArgument });
  await expect(tooLong).rejects.toThrow("service");
});
