import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { benches } from "./benches.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));

function bench(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

test("list prints a name a line", () => {
  expect(bench("list").stdout.trim().split("\n")).toEqual(benches.map(({ name }) => name));
});

test("help names every benchmark and succeeds", () => {
  const { status, stdout } = bench("--help");
  expect(status).toBe(0);
  for (const { name, what } of benches) expect(stdout).toContain(`${name.padEnd(17)}${what}`);
});

test.each([
  [[], "which benchmark?"],
  [["nothing"], 'there is no benchmark "nothing"'],
  [["overhead", "other"], "one benchmark at a time, not also other"],
  [["overhead", "--fast"], "--fast"],
])("%j is refused with a sentence and exit code 64", (args, why) => {
  const { status, stdout, stderr } = bench(...args);
  expect(status).toBe(64);
  expect(stdout).toBe("");
  expect(stderr.split("\n")[0]).toContain(why);
});
