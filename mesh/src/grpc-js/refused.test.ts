import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import * as grpc from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { staticDiscovery } from "../discovery/static-discovery.ts";
import { definitionOf, grpcPeer } from "../transport/peers.fixture.ts";
import { registerMesh } from "./index.ts";

test("a stock client on the mesh spares a server that refuses, and does not eject it", async () => {
  let refused = 0;
  const busy = await grpcPeer({
    echo: (_call, answer) => {
      refused++;
      const metadata = new grpc.Metadata();
      metadata.set("antiphon-nack", "concurrency");
      metadata.set("grpc-retry-pushback-ms", "20");
      answer({ code: grpc.status.UNAVAILABLE, details: "busy", metadata });
    },
  });
  const good = await grpcPeer({ echo: (_call, answer) => answer(null, {}) });
  const discovery = staticDiscovery();
  registerMesh({ discovery });
  discovery.update({
    refusals: [busy, good].map(({ port }) => ({
      id: String(port),
      host: "127.0.0.1",
      port,
      version: "1",
      zone: "z",
      weight: 1,
    })),
  });
  const Stub = grpc.makeGenericClientConstructor({ echo: definitionOf(EchoService.method.echo) }, "Echo");
  const client = new Stub("consul:///refusals", grpc.credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await Promise.all([busy.kill(), good.kill()]);
  });
  let answered = 0;
  const call = () =>
    new Promise<void>((resolve) => {
      client.echo?.({}, (error: grpc.ServiceError | null) => {
        if (!error) answered++;
        resolve();
      });
    });
  // Five failures in a row would have ejected it for seconds.
  while (refused <= 10) await call();
  expect(answered).toBeGreaterThan(refused);
});
