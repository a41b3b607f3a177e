import { readFileSync } from "node:fs";
import { sections } from "./panels.ts";

/**
 * The main panels as one page for Prometheus's `/consoles`, so that they are seen without Grafana.
 * Prometheus takes the page for a Go template: it must not hold two opening braces in a row.
 */
export function prometheusConsole(): string {
  const shown = sections
    .map(({ title, panels }) => ({ title, panels: panels.filter(({ main }) => main) }))
    .filter(({ panels }) => panels.length > 0);
  const page = readFileSync(new URL("console.html", import.meta.url), "utf8");
  const data = JSON.stringify(shown, undefined, 1).replaceAll("<", "\\u003c");
  return page.replace("/* SECTIONS */ []", () => data);
}
