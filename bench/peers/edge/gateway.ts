import { runService } from "@antiphon/mesh";
import { buildEdge } from "../../../gateway/src/build.ts";
import { loadConfig } from "../../../gateway/src/config.ts";
import { usageOfThis } from "./usage.ts";

/** The gateway as it is deployed; its settings are the first argument, as an environment. Tells its use when asked. */
Object.assign(process.env, JSON.parse(process.argv[2]!));
process.on("disconnect", () => process.exit());
process.on("message", () => process.send?.(usageOfThis()));
await runService({
  name: "gateway",
  config: loadConfig,
  build: () => [],
  async edge(deps, config) {
    const edge = await buildEdge(deps, config);
    process.send?.(edge.port);
    return edge;
  },
});
