import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { until } from "@antiphon/mesh/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Supervised } from "./supervisor.ts";

let dir: string;
const supervised: Supervised[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-supervisor-"));
});
afterEach(async () => {
  await Promise.all(supervised.splice(0).map((each) => each.kill()));
  await rm(dir, { recursive: true });
});

/** A shell script that is kept running; ready once it has said so. */
function supervise(script: string, options: { stopTimeoutMs?: number } = {}) {
  const events: string[] = [];
  const logFile = join(dir, "logs", "child.log");
  const spec = { name: "child", command: "/bin/sh", args: ["-c", script], logFile, ...options };
  const log = () => readFile(logFile, "utf8").catch(() => "");
  const child = new Supervised({
    spec,
    ready: async () => (await log()).includes("ready"),
    onEvent: (sentence) => events.push(sentence),
  });
  supervised.push(child);
  return { child, events, log };
}

const isRunning = (pid: number) => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return true;
};

test("what crashes is started again, and it is said in a sentence", async () => {
  const { child, events, log } = supervise("echo ready; sleep 1000");
  await child.start();
  const first = child.pid;
  process.kill(-first, "SIGKILL");
  await until(() => child.pid !== first);
  expect(events).toEqual(["child ended with SIGKILL: starting it again in 0.25 s"]);
  await until(async () => (await log()) === "ready\nready\n");
});

test("what was stopped or killed stays down until it is restarted", async () => {
  const { child, events } = supervise("echo ready; exec sleep 1000");
  for (const end of [() => child.stop(), () => child.kill()]) {
    await child.start();
    const { pid } = child;
    await end();
    expect(isRunning(-pid)).toBe(false);
    await child.restart();
    expect(child.pid).not.toBe(pid);
    await child.stop();
  }
  expect(events).toEqual([]);
});

test("what ignores the wish to end is killed, with its children", async () => {
  const { child } = supervise("trap '' TERM; sleep 1000 & echo ready; wait; wait", { stopTimeoutMs: 50 });
  await child.start();
  await child.stop();
  await until(() => !isRunning(-child.pid));
});

test("what ends before it is ready is said with its last words", async () => {
  const { child } = supervise(
    "echo 'port 1 is taken'; echo '{\"msg\":\"json\"}'; echo '    at stack'; exit 3",
  );
  await expect(child.start()).rejects.toThrow(
    /^child ended with exit code 3: port 1 is taken \(its log: .*child\.log\)$/,
  );
});

test("what cannot be run at all is said in a sentence", async () => {
  const spec = { name: "child", command: "/nowhere/child", args: [], logFile: join(dir, "child.log") };
  const child = new Supervised({ spec, ready: async () => true });
  await expect(child.start()).rejects.toThrow(/^child cannot be started: .*ENOENT/);
});

test("nothing outlives its parent, not even when that is killed with SIGKILL", async () => {
  const program = `
    import { Supervised } from ${JSON.stringify(join(import.meta.dirname, "supervisor.ts"))};
    const start = async (name, script) => {
      const spec = { name, command: "/bin/sh", args: ["-c", script], logFile: ${JSON.stringify(dir)} + "/" + name };
      const child = new Supervised({ spec, ready: async () => true });
      await child.start();
      return child;
    };
    const gone = await start("gone", "sleep 1000");
    await gone.kill();
    const children = [await start("a", "exec sleep 1000"), await start("b", "sleep 1000 & wait")];
    console.log(JSON.stringify(children.map(({ pid }) => pid)));
    process.kill(process.pid, "SIGKILL");`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pids: number[] = JSON.parse(await text(parent.stdout));
  expect(pids).toHaveLength(2);
  await until(() => pids.every((pid) => !isRunning(-pid)));
});
