import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import * as grpc from "@grpc/grpc-js";
import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { memoryPolicies, type PolicyInit } from "../../testing/memory-policies.ts";
import { until } from "../../testing/until.ts";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import { debugSnapshot } from "../telemetry/debug-targets.ts";
import { definitionOf, type EchoHandlers, grpcPeer } from "../transport/peers.fixture.ts";
import { registerMesh } from "./index.ts";

export interface StockCall {
  readonly method?: "echo" | "echoOnce";
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly options?: grpc.CallOptions;
}

let services = 0;

/** A stock client on the mesh, of servers with a version each, gone after the test. */
export async function stockEcho(policy: PolicyInit | undefined, ...versions: EchoHandlers[]) {
  const service = `stock${++services}`;
  const peers = await Promise.all(versions.map((handlers) => grpcPeer(handlers)));
  const infos = peers.map(({ port }, index) => ({
    id: `${service}-${index + 1}`,
    host: "127.0.0.1",
    port,
    version: `${index + 1}`,
    zone: "z",
    weight: 1,
  }));
  const discovery = staticDiscovery({ [service]: infos });
  const policies = memoryPolicies();
  policies.set(service, policy);
  const metrics = new Registry();
  registerMesh({ discovery, policies, metrics });
  const { echo, echoOnce } = EchoService.method;
  const Stub = grpc.makeGenericClientConstructor(
    { echo: definitionOf(echo), echoOnce: definitionOf(echoOnce) },
    "Echo",
  );
  const client = new Stub(`consul:///${service}`, grpc.credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await Promise.all(peers.map((peer) => peer.kill()));
  });
  const shown = () => debugSnapshot().find(({ target }) => target === `consul:///${service}`);
  return {
    service,
    metrics,
    policy: (next: PolicyInit | undefined) => policies.set(service, next),
    shown,
    kill: (version: string) => peers[Number(version) - 1]!.kill(),
    /** Connects, and waits for all servers. */
    async allReady(): Promise<void> {
      client.getChannel().getConnectivityState(true);
      await until(() => shown()?.endpoints.every(({ link }) => link === "ready"));
    },
    /** What the server answered; rejects with a `ServiceError`. */
    call({ method = "echo", headers = {}, timeoutMs = 5_000, options }: StockCall = {}): Promise<string> {
      const metadata = new grpc.Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      return new Promise((resolve, reject) => {
        client[method]?.(
          {},
          metadata,
          { deadline: Date.now() + timeoutMs, ...options },
          (error: grpc.ServiceError | null, answer: { text: string }) =>
            error ? reject(error) : resolve(answer.text),
        );
      });
    },
  };
}

/** A server that answers with its name, and counts. */
export function named(name: string) {
  const seen = { calls: 0, metadata: undefined as grpc.Metadata | undefined };
  const handler: grpc.handleUnaryCall<unknown, { text: string }> = (call, answer) => {
    seen.calls++;
    seen.metadata = call.metadata;
    answer(null, { text: name });
  };
  return Object.assign(seen, { handlers: { echo: handler, echoOnce: handler } satisfies EchoHandlers });
}

/** A server that fails, and counts. */
export function failing(code: grpc.status) {
  const seen = { calls: 0 };
  const handler: grpc.handleUnaryCall<unknown, { text: string }> = (_call, answer) => {
    seen.calls++;
    answer({ code, details: "failed as asked" });
  };
  return Object.assign(seen, { handlers: { echo: handler, echoOnce: handler } satisfies EchoHandlers });
}
