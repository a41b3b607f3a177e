import { fileURLToPath } from "node:url";
import { registerMesh } from "@antiphon/mesh/grpc-js";
import { until } from "@antiphon/mesh/testing";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { expect, test } from "vitest";
import { handledCalls } from "../src/metrics.ts";
import { theSystem } from "../src/system.ts";

interface PlainCatalog extends grpc.Client {
  getTrack(request: object, callback: (error: Error | null, answer: { track: { id: string } }) => void): void;
}

test("a plain grpc-js client is balanced over the replicas of consul:///catalog", async () => {
  const { system, tracks } = await theSystem();
  registerMesh({ consulUrl: system.consul.url });

  // From here on nothing is ours.
  const protoDir = fileURLToPath(new URL("../../proto", import.meta.url));
  const definition = loadSync("antiphon/catalog/v1/catalog.proto", { includeDirs: [protoDir] });
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    antiphon: {
      catalog: {
        v1: { CatalogService: new (target: string, credentials: grpc.ChannelCredentials) => PlainCatalog };
      };
    };
  };
  const client = new loaded.antiphon.catalog.v1.CatalogService(
    "consul:///catalog",
    grpc.credentials.createInsecure(),
  );

  const replicas = system.instances.filter(({ service }) => service === "catalog");
  const answered = () => Promise.all(replicas.map((replica) => handledCalls(replica, "GetTrack")));
  const before = await answered();
  const trackId = tracks[0]?.id ?? "";
  const call = async () => {
    const answer = await new Promise<{ track: { id: string } }>((resolve, reject) => {
      client.getTrack({ trackId }, (error, value) => (error ? reject(error) : resolve(value)));
    });
    expect(answer.track.id).toBe(trackId);
  };
  // The first connection is there before the others, and takes all calls until then.
  await until(
    async () => {
      for (let count = 0; count < 100; count++) await call();
      return (await answered()).every((count, index) => count - (before[index] ?? 0) > 20);
    },
    { what: "calls at each replica", timeoutMs: 15_000 },
  );
  client.close();
});
