import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { until } from "./testing/until.ts";

const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
const [service = "", kit = ""] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);

function run(code: string) {
  const args = ["--input-type=module-typescript", "--eval", code];
  const env = { PATH: process.env.PATH, ANTIPHON_CONSUL_URL: "http://127.0.0.1:1" };
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return { child, output: () => output };
}

test("the service of the README runs until it is told to stop", { timeout: 30_000 }, async () => {
  const { child, output } = run(service);
  await until(() => output().includes('"msg":"serving"'), { timeoutMs: 20_000 });
  child.kill("SIGTERM");
  expect(await once(child, "close")).toEqual([0, null]);
});

test("the test kit's example in the README does what it says", { timeout: 30_000 }, async () => {
  const { child, output } = run(kit);
  expect(await once(child, "close")).toEqual([0, null]);
  expect(output()).toBe("call and response\n");
});
