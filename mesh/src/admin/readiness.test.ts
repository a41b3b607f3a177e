import { expect, test, vi } from "vitest";
import { Readiness } from "./readiness.ts";

test("a process is ready while it serves and all its checks pass", async () => {
  const readiness = new Readiness();
  readiness.add("database", () => {});
  expect((await readiness.report()).ready).toBe(false);
  readiness.phase = "serving";
  expect(await readiness.report()).toEqual({ ready: true, phase: "serving", checks: { database: "ok" } });
  readiness.phase = "draining";
  expect((await readiness.report()).ready).toBe(false);
});

test("a check that fails is named with its reason, whether it throws, rejects or hangs", async () => {
  const readiness = new Readiness();
  readiness.phase = "serving";
  readiness.add("throws", () => {
    throw new Error("no index");
  });
  readiness.add("rejects", () => Promise.reject(new Error("connection refused")));
  readiness.add("hangs", () => new Promise(() => {}));
  expect(await readiness.report()).toMatchObject({
    ready: false,
    checks: { throws: "no index", rejects: "connection refused", hangs: "no answer within 1000 ms" },
  });
});

test("who asks while the checks run shares their answer", async () => {
  const readiness = new Readiness();
  const check = vi.fn();
  readiness.add("slow", check);
  await Promise.all([readiness.report(), readiness.report(), readiness.report()]);
  expect(check).toHaveBeenCalledTimes(1);
  await readiness.report();
  expect(check).toHaveBeenCalledTimes(2);
});
