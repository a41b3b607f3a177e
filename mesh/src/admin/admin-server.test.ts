import { pino } from "pino";
import { Counter, Registry } from "prom-client";
import { expect, onTestFinished, test } from "vitest";
import { AdminServer } from "./admin-server.ts";
import { Readiness } from "./readiness.ts";

async function adminServer() {
  const metrics = new Registry();
  const readiness = new Readiness();
  const debug = () => ({ picks: 3n });
  const admin = new AdminServer({ metrics, readiness, log: pino({ level: "silent" }), debug });
  const port = await admin.listen("127.0.0.1", 0);
  onTestFinished(() => admin.close());
  const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  return { admin, metrics, readiness, port, get };
}

test("liveness is answered whatever the state, readiness is not", async () => {
  const { readiness, get } = await adminServer();
  expect((await get("/healthz")).status).toBe(200);
  const starting = await get("/readyz");
  expect(starting.status).toBe(503);
  expect(await starting.json()).toEqual({ ready: false, phase: "starting", checks: {} });
  readiness.phase = "serving";
  expect((await get("/readyz")).status).toBe(200);
});

test("metrics are shown as Prometheus reads them", async () => {
  const { metrics, get } = await adminServer();
  new Counter({ name: "things_total", help: "Things.", registers: [metrics] }).inc(2);
  const response = await get("/metrics");
  expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  expect(await response.text()).toContain("things_total 2");
});

test("the mesh's inside is shown", async () => {
  const { get } = await adminServer();
  expect(await (await get("/debug/mesh?verbose=1")).json()).toEqual({ picks: "3" });
});

test("a service's own route is served; one that fails does not take the port with it", async () => {
  const { admin, get } = await adminServer();
  admin.route("/sd/prometheus", (_request, response) => void response.end("[]"));
  admin.route("/broken", () => Promise.reject(new Error("secret")));
  expect(await (await get("/sd/prometheus")).text()).toBe("[]");
  const broken = await get("/broken");
  expect(broken.status).toBe(500);
  expect(await broken.text()).not.toContain("secret");
  expect((await get("/healthz")).status).toBe(200);
});

test("an unknown path says which there are", async () => {
  const { get } = await adminServer();
  const response = await get("/nope");
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ routes: expect.arrayContaining(["/readyz", "/metrics"]) });
});

test("a port that is taken is an error, not a crash", async () => {
  const { port } = await adminServer();
  const { admin } = await adminServer();
  await expect(admin.listen("127.0.0.1", port)).rejects.toThrow();
});
