import { Health, HealthCheckResponse_ServingStatus as Status } from "@antiphon/proto/grpc/health/v1/health";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { healthService } from "./health.ts";
import { failureOf } from "./stock-client.fixture.ts";
import { hostOf } from "./test-host.fixture.ts";

const { check, watch } = Health.method;

test("the process and its services serve while it is ready", async () => {
  let ready = true;
  const { client } = await hostOf(healthService(["a.v1.A"], async () => ready, new AbortController().signal));
  const status = async (service: string) => (await client.unary(check, { service })).answer.status;
  expect(await status("")).toBe(Status.SERVING);
  expect(await status("a.v1.A")).toBe(Status.SERVING);
  ready = false;
  expect(await status("a.v1.A")).toBe(Status.NOT_SERVING);
});

test("a service that is not served here is not found", async () => {
  const { client } = await hostOf(healthService([], async () => true, new AbortController().signal));
  expect(await failureOf(client.unary(check, { service: "x" }))).toMatchObject({ code: Code.NotFound });
});

test("a watch says so when the process drains, and ends", async () => {
  const draining = new AbortController();
  const { client } = await hostOf(healthService(["a.v1.A"], async () => true, draining.signal));
  const stream = client.open(watch);
  stream.end({ service: "a.v1.A" });
  const told: Status[] = [];
  for await (const { status } of stream) {
    told.push(status);
    draining.abort();
  }
  expect(told).toEqual([Status.SERVING, Status.NOT_SERVING]);
});
