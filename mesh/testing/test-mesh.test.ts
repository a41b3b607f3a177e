import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { requireListener } from "../src/call-scope.ts";
import { serve } from "../src/server/served.ts";
import { echoService } from "./echo.ts";
import { startMesh, type TestMeshOptions, type TestService } from "./test-mesh.ts";
import { until } from "./until.ts";

const echo: TestService = {
  name: "echo",
  replicas: 2,
  build: (deps) => [serve(EchoService, echoService(deps.instanceId))],
};

async function mesh(options: TestMeshOptions) {
  const started = await startMesh(options);
  onTestFinished(() => started.stop());
  return started;
}

test("calls reach every replica of a service", async () => {
  const { client, replicas } = await mesh({ services: [echo] });
  const answered = new Set<string>();
  await until(async () => answered.add((await client(EchoService).echo({})).instanceId).size === 2);
  expect([...answered].sort()).toEqual(
    replicas("echo")
      .map(({ deps }) => deps.instanceId)
      .sort(),
  );
});

test("a service calls another for the listener it works for, within the caller's time", async () => {
  const who = { ...echoService(), echo: () => ({ text: requireListener().id }) };
  const relay: TestService = {
    name: "relay",
    build: ({ client }) => {
      const next = client(EchoService);
      return [serve(EchoService, { ...echoService(), echo: (request) => next.echo(request) })];
    },
  };
  const { client } = await mesh({ services: [{ name: "echo", served: [serve(EchoService, who)] }, relay] });
  const relayed = { target: "consul:///relay", listener: { id: "lst_1" } };
  expect(await client(EchoService, relayed).echo({})).toMatchObject({ text: "lst_1" });
  const nobody = client(EchoService, { target: "consul:///relay" }).echo({});
  await expect(nobody).rejects.toSatisfy((error) => ConnectError.from(error).code === Code.Unauthenticated);
});

test("a killed replica costs an idempotent call nothing", async () => {
  const { client, kill } = await mesh({ services: [echo] });
  await client(EchoService).echo({});
  await kill("echo", 0);
  for (let call = 0; call < 20; call++) await client(EchoService).echo({});
});

test("a replica that is added is found", async () => {
  const { client, add } = await mesh({ services: [{ ...echo, replicas: 1 }] });
  const [added] = await add({ ...echo, replicas: 1 });
  await until(async () => (await client(EchoService).echo({})).instanceId === added?.deps.instanceId);
});

test("dependencies made for a test call the mesh's services", async () => {
  const { deps } = await mesh({ services: [echo] });
  expect(await deps("playlist").client(EchoService).echo({ text: "hello" })).toMatchObject({ text: "hello" });
});
