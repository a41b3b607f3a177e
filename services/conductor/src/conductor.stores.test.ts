import type { Served } from "@antiphon/mesh";
import { backing, startMesh, type TestMesh, until } from "@antiphon/mesh/testing";
import { ConductorService, Health } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
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
const share = (version: string, percent: number) => ({ version, percent });
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

test("a policy is stored as readable JSON, read back, and deleted", async () => {
  const policy = { routing: { split: [share("2", 5), share("1", 95)] } };
  await conductor().setPolicy({ service, policy });
  const { policy: stored, revision } = await conductor().getPolicy({ service });
  expect(stored?.routing?.split.map(({ version, percent }) => [version, percent])).toEqual([
    ["2", 5],
    ["1", 95],
  ]);
  const raw = await fetch(`${backing().consulUrl}/v1/kv/antiphon/policy/${service}?raw`);
  expect(await raw.json()).toEqual(policy);
  const stale = conductor().setPolicy({ service, policy, revision: revision - 1n });
  await expect(stale).rejects.toMatchObject({ code: Code.Aborted });
  await conductor().setPolicy({ service, policy, revision });
  await conductor().deletePolicy({ service });
  await conductor().deletePolicy({ service });
  await expect(conductor().getPolicy({ service })).rejects.toMatchObject({ code: Code.NotFound });
});

/** As a caller with a newer contract sends it. */
const fromWire = (...bytes: number[]) => fromBinary(TrafficPolicySchema, Buffer.from(bytes));

test.each<[string, MessageInitShape<typeof TrafficPolicySchema>]>([
  ["policy.routing.split[0].percent", { routing: { split: [share("2", -5)] } }],
  [
    "policy.routing.split: the percentages must add up to 100 (were 5)",
    { routing: { split: [share("2", 5)] } },
  ],
  [
    "policy.methods[0].retry.attempts",
    { methods: [{ method: "antiphon.mesh.v1.EchoService/EchoOnce", retry: { attempts: 2 } }] },
  ],
  ["policy.methods[0].timeout", { methods: [{ method: "a.B/C", timeout: { seconds: 0n } }] }],
  ["policy.balance.warning_weight", { balance: { warningWeight: -1 } }],
  ["policy.balance.algorithm", fromWire(0x32, 2, 8, 99)],
  ["policy.mirror.version", { mirror: { percent: 1, version: "x".repeat(101) } }],
  ["policy.100: is the number of a field that is unknown here", fromWire(0xa0, 6, 1)],
])(
  "a policy of nonsense is refused, its field is named, and the last good one stays: %s",
  async (field, policy) => {
    await conductor().setPolicy({ service, policy: { retryBudget: { ratio: 0.1 } } });
    await expect(conductor().setPolicy({ service, policy })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining(field),
    });
    expect((await conductor().getPolicy({ service })).policy?.retryBudget?.ratio).toBe(0.1);
    await conductor().deletePolicy({ service });
  },
);

test("only operators see and change policies", async () => {
  const somebody = mesh.client(ConductorService, { listener: { id: "lst_somebody" } });
  const codes = await Promise.all(
    [
      somebody.getPolicy({ service }),
      somebody.setPolicy({ service, policy: {} }),
      somebody.deletePolicy({ service }),
    ].map((call) =>
      call.then(
        () => 0,
        ({ code }: ConnectError) => code,
      ),
    ),
  );
  expect(codes).toEqual(Array(3).fill(Code.PermissionDenied));
});
