import { runService } from "@antiphon/mesh";
import { buildEdge } from "./build.ts";
import { loadConfig } from "./config.ts";

await runService({ name: "gateway", config: loadConfig, build: () => [], edge: buildEdge });
