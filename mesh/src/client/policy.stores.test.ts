import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { backing, echoService, startMesh, type TestService, until } from "../../testing/index.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import { newId } from "../ids.ts";
import { consulPolicies, policyKey } from "../policy/consul-policies.ts";
import { serve } from "../server/served.ts";
import { createMeshTransport } from "./mesh-transport.ts";

test("a caller sends its calls elsewhere within a second of a change", async () => {
  const replica = (version: string): TestService => ({
    name: "echo",
    version,
    served: [serve(EchoService, echoService(version))],
  });
  const mesh = await startMesh({ services: [replica("1"), replica("2")] });
  onTestFinished(() => mesh.stop());
  const service = newId("svc");
  const endpoints = mesh.replicas("echo").map(({ registration }) => ({ ...registration, weight: 1 }));
  const transport = createMeshTransport({
    target: `consul:///${service}`,
    discovery: staticDiscovery({ [service]: endpoints }),
    policies: consulPolicies({ url: backing().consulUrl }),
  });
  onTestFinished(() => transport.close());
  const client = createClient(EchoService, transport);
  const key = `${backing().consulUrl}/v1/kv/${policyKey(service)}`;
  onTestFinished(async () => void (await fetch(key, { method: "DELETE" })));
  await client.echo({});
  for (const version of ["1", "2", "1"]) {
    const policy = { routing: { split: [{ version, percent: 100 }] } };
    await fetch(key, { method: "PUT", body: JSON.stringify(policy) });
    const changedAtMs = performance.now();
    const answers = () => Promise.all(Array.from({ length: 10 }, () => client.echo({})));
    await until(async () => (await answers()).every(({ instanceId }) => instanceId === version));
    expect(performance.now() - changedAtMs).toBeLessThan(1_000);
  }
});
