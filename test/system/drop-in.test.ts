import { fileURLToPath } from "node:url";
import { registerMesh } from "@antiphon/mesh/grpc-js";
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
  const answering = await Promise.all(
    replicas.map(async (replica) => ({
      replica,
      before: await handledCalls(replica, "GetTrack").catch(() => undefined),
    })),
  );
  const trackId = tracks[0]?.id ?? "";
  for (let call = 0; call < 200; call++) {
    const answer = await new Promise<{ track: { id: string } }>((resolve, reject) => {
      client.getTrack({ trackId }, (error, value) => (error ? reject(error) : resolve(value)));
    });
    expect(answer.track.id).toBe(trackId);
  }
  client.close();
  for (const { replica, before } of answering) {
    if (before === undefined) continue;
    expect((await handledCalls(replica, "GetTrack")) - before, `calls of ${replica.name}`).toBeGreaterThan(
      20,
    );
  }
});
