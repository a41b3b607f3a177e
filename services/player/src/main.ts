import { runService } from "@antiphon/mesh";
import { build } from "./build.ts";
import { loadConfig } from "./config.ts";

await runService({ name: "player", config: loadConfig, build });
