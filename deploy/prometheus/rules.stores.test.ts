import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { dashboardQueries } from "../grafana/panels.ts";
import { findPrograms, startPrometheus, toolsDir } from "../local/index.ts";
import { prometheusConfig } from "./config.ts";

const run = promisify(execFile);
const here = import.meta.dirname;
const { promtool } = await findPrograms(["promtool"], toolsDir);
const dir = await mkdtemp(join(tmpdir(), "antiphon-prometheus-"));
afterAll(() => rm(dir, { recursive: true }));

test("the rules are valid, and do what their tests say", async () => {
  const rules = await run(promtool, [
    "check",
    "rules",
    "--lint=all",
    "--lint-fatal",
    join(here, "rules.yml"),
  ]);
  expect(rules.stdout).toContain("SUCCESS");
  const files = [join(here, "rules.test.yml"), join(here, "budget.test.yml")];
  const tests = await run(promtool, ["test", "rules", ...files]);
  expect(tests.stdout.match(/SUCCESS/g)).toHaveLength(files.length);
});

test("the configuration is valid", async () => {
  const file = join(dir, "prometheus.yml");
  const options = { targetsUrl: "http://127.0.0.1:1/sd/prometheus", self: "http://127.0.0.1:9090" };
  await writeFile(file, prometheusConfig({ ...options, rules: join(here, "rules.yml") }));
  expect((await run(promtool, ["check", "config", file])).stdout).toContain("SUCCESS");
});

test("Prometheus serves the console and understands every query of the dashboard", async () => {
  const prometheus = await startPrometheus({ dir, logDir: dir, targetsUrl: "http://127.0.0.1:1/sd" });
  try {
    const page = await fetch(`${prometheus.url}/consoles/antiphon.html`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("Calls by service")]);
    for (const { title, expr } of dashboardQueries()) {
      const url = `${prometheus.url}/api/v1/query?${new URLSearchParams({ query: expr })}`;
      expect((await fetch(url)).status, title).toBe(200);
    }
  } finally {
    await prometheus.kill();
  }
});
