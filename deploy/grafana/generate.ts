/** Writes the dashboard and the console from `panels.ts`: `node deploy/grafana/generate.ts`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { generated } from "./generated.ts";

for (const { path, text } of generated()) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
