import { fileURLToPath } from "node:url";
import { prometheusConsole } from "./console.ts";
import { grafanaDashboard } from "./dashboard.ts";

/** The files that are made from `panels.ts`. */
export function generated(): { path: string; text: string }[] {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  return [
    { path: path("antiphon.json"), text: `${JSON.stringify(grafanaDashboard(), undefined, 2)}\n` },
    { path: path("../prometheus/consoles/antiphon.html"), text: prometheusConsole() },
  ];
}
