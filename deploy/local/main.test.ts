import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 30_000 });

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-main-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Runs `make run` on a folder of its own. */
async function makeRun(...args: string[]) {
  return await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const main = join(import.meta.dirname, "main.ts");
    const env = { ...process.env, ANTIPHON_DIR: join(dir, "antiphon") };
    const child = execFile(process.execPath, [main, ...args], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const sentence = (text: string) => ({ code: 1, stdout: "", stderr: `antiphon: ${text}\n` });

test("--help says what can be chosen", async () => {
  const { code, stdout, stderr } = await makeRun("--help");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("--music FOLDER");
});

test("a folder of music that is absent, or is none, is said in one sentence", async () => {
  const absent = join(dir, "absent");
  expect(await makeRun("--music", absent)).toEqual(
    sentence(`there is no folder ${absent}: MUSIC names one, or is singularity or wesnoth for free music`),
  );
  const file = join(dir, "song.mp3");
  await writeFile(file, "");
  expect(await makeRun("--music", file)).toEqual(
    sentence(`${file} is not a folder: name the folder that holds your music`),
  );
});

test("a folder of music may begin with ~, also where the shell left that alone", async () => {
  const { stderr } = await makeRun("--music", "~/no such music");
  expect(stderr).toContain(`there is no folder ${join(homedir(), "no such music")}:`);
});

test("a folder of data that cannot be written is said in one sentence, with what to do", async () => {
  await writeFile(join(dir, "antiphon"), "");
  const { stderr } = await makeRun();
  expect(stderr).toMatch(
    /^antiphon: \S+\/antiphon cannot be written \(E\w+\): give it back .* or name another folder in ANTIPHON_DIR\n$/,
  );
});

test("a port that is taken is said in one sentence, with the command that chooses another", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const text = `port ${port} is taken: stop what listens there, or choose another: make run ARGS="--port ${port + 1}"`;
  expect(await makeRun("--port", String(port))).toEqual(sentence(text));
  server.close();
});
