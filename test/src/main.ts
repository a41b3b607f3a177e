/**
 * `make test`: sets up what the tests need, runs all layers, and ends with `N passed, N failed`.
 * Arguments are passed on to vitest.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findPrograms, toolsDir } from "@antiphon/deploy/local";
import { ensureChromium } from "./chromium.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const say = (line: string): void => console.error(`antiphon test: ${line}`);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { status: string }[];
  }[];
}

try {
  say("looking for Consul, NATS, Prometheus and Chromium");
  await findPrograms(["consul", "nats-server", "prometheus", "promtool"], toolsDir);
  ensureChromium(say);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log("0 passed, 1 failed");
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "antiphon-report-"));
const reportFile = join(folder, "report.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
const vitest = spawn("vitest", ["run", ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => vitest.kill(signal));
const exitCode = await new Promise<number>((resolve) => vitest.once("close", (code) => resolve(code ?? 1)));

const { passed, failed } = count(reportFile);
rmSync(folder, { recursive: true, force: true });
// An error outside of any test, such as a set-up that failed, is a failure as well.
const failures = failed === 0 && exitCode !== 0 ? 1 : failed;
console.log(`${passed} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);

/** A file that could not even be loaded counts as one failed test. */
function count(file: string): { passed: number; failed: number } {
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    const broken = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
    );
    return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
