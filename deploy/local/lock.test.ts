import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./lock.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "antiphon-lock-"));
  path = join(dir, "run.lock");
});
afterEach(() => rm(dir, { recursive: true }));

const me = { pid: process.pid, port: 8080 };

test("a second run is told which process runs and where its page is", async () => {
  const release = await takeLock(path, me);
  await expect(takeLock(path, { pid: 1, port: 1 })).rejects.toThrow(
    `make run is running already (process ${process.pid}, http://localhost:8080): stop it with Ctrl-C first`,
  );
  await release();
  await (await takeLock(path, me))();
});

test("a lock whose process is gone, or that makes no sense, is taken over", async () => {
  for (const left of ['{"pid":4194304,"port":8080}', "", "not json"]) {
    await writeFile(path, left);
    const release = await takeLock(path, me);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(me);
    await release();
  }
});
