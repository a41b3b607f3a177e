import { defineConfig, runService, serve } from "@antiphon/mesh";
import { echoService } from "@antiphon/mesh/testing";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";

/** A service of the mesh as it is deployed; its settings are the first argument, as an environment. */
Object.assign(process.env, JSON.parse(process.argv[2]!));
process.on("disconnect", () => process.exit());
await runService({
  name: "echo",
  config: defineConfig({}),
  build: ({ instanceId }) => [serve(EchoService, echoService(instanceId))],
});
