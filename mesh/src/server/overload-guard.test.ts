import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { Health } from "@antiphon/proto/grpc/health/v1/health";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { until } from "../../testing/until.ts";
import { healthService } from "./health.ts";
import type { LoadGuardOptions } from "./load-guard.ts";
import { serve } from "./served.ts";
import { failureOf } from "./stock-client.fixture.ts";
import { limitedHostOf } from "./test-host.fixture.ts";

const { echo, echoStream } = EchoService.method;

/** A host whose calls wait until they are let go, with as many of them in flight as are asked for. */
async function busyHost(overload: LoadGuardOptions, inFlight: number) {
  const { promise: open, resolve: release } = Promise.withResolvers<void>();
  let handled = 0;
  const served = serve(EchoService, {
    ...echoService(),
    async echo({ text }) {
      handled++;
      await open;
      return { text };
    },
  });
  const health = healthService([], async () => true, new AbortController().signal);
  const host = await limitedHostOf(overload, served, health);
  const waiting = Array.from({ length: inFlight }, () => host.client.unary(echo, {}));
  // Those that a test does not let go end with their host.
  for (const call of waiting) call.catch(() => {});
  await until(() => handled === inFlight);
  return { ...host, release, waiting, handled: () => handled };
}

test("a call over the limit is refused: no handler sees it, and its status says so", async () => {
  const { client, handled, value } = await busyHost({ maxLimit: 2 }, 1);
  const { code, details, metadata } = await failureOf(client.unary(echo, {}));
  expect({ code, details }).toEqual({ code: Code.Unavailable, details: "the server is overloaded" });
  expect(metadata.get("antiphon-nack")).toEqual(["concurrency"]);
  const pushbackMs = Number(metadata.get("grpc-retry-pushback-ms")[0]);
  expect(pushbackMs).toBeGreaterThanOrEqual(50);
  expect(pushbackMs).toBeLessThanOrEqual(150);
  const [bytes] = metadata.get("grpc-status-details-bin");
  const [detail] = fromBinary(StatusSchema, bytes as Buffer).details;
  expect(anyUnpack(detail!, MeshErrorDetailSchema)).toMatchObject({
    reason: MeshErrorReason.OVERLOADED,
    subject: "antiphon.mesh.v1.EchoService/Echo",
  });
  expect(handled()).toBe(1);
  expect(await value("mesh_shed_total", { priority: "normal", reason: "concurrency" })).toBe(1);
  expect(await value("mesh_concurrency_limit", {})).toBe(2);
  expect(await value("mesh_concurrency_in_flight", {})).toBe(1);
});

test("a call that ends makes room for the next", async () => {
  const { client, release, waiting, host } = await busyHost({ maxLimit: 2 }, 1);
  await failureOf(client.unary(echo, {}));
  release();
  await Promise.all(waiting);
  await client.unary(echo, {});
  expect(host.load()).toMatchObject({ inFlight: 0, shed: { critical: 0, normal: 1, sheddable: 0 } });
});

test("a caller that goes away makes room too", async () => {
  const { client, host } = await busyHost({ maxLimit: 3 }, 1);
  const gone = await failureOf(client.unary(echo, {}, { timeoutMs: 50 }));
  expect(gone.code).toBe(Code.DeadlineExceeded);
  await until(() => host.load().inFlight === 1);
});

test("health is asked and streams are counted at no time", async () => {
  const { client, host } = await busyHost({ maxLimit: 3 }, 1);
  const streams = [1, 2, 3].map(() => {
    const stream = client.open(echoStream);
    stream.on("error", () => {});
    stream.end({ count: 2, intervalMs: 60_000 });
    return stream;
  });
  await Promise.all(streams.map(async (stream) => (await stream[Symbol.asyncIterator]().next()).value));
  expect(host.load().inFlight).toBe(1);
  const full = await busyHost({ maxLimit: 2 }, 1);
  await failureOf(full.client.unary(echo, {}));
  expect((await full.client.unary(Health.method.check, {})).answer.status).toBe(1);
  for (const stream of streams) stream.cancel();
});

test("a stream is refused as a call would be", async () => {
  const { client } = await busyHost({ maxLimit: 2 }, 1);
  const stream = client.open(echoStream);
  stream.end({ count: 1 });
  const error = await failureOf(stream[Symbol.asyncIterator]().next());
  expect(error.code).toBe(Code.Unavailable);
  expect(error.metadata.get("antiphon-nack")).toEqual(["concurrency"]);
});

/** A host whose calls compute. */
async function computingHost(ms: number) {
  let handled = 0;
  const served = serve(EchoService, {
    ...echoService(),
    echo({ text }) {
      handled++;
      const endsAtMs = performance.now() + ms;
      while (performance.now() < endsAtMs);
      return { text };
    },
  });
  const { client } = await limitedHostOf(undefined, served);
  return { client, handled: () => handled };
}

test("of calls that come at once and compute, the first are answered before the last begin", async () => {
  const { client, handled } = await computingHost(5);
  // As many as the loop, were it kept from running for a while, does not catch up with in one turn.
  const CALLS = 20;
  const handledThen = await Promise.all(
    Array.from({ length: CALLS }, () => client.unary(echo, {}).then(() => handled())),
  );
  expect(handled()).toBe(CALLS);
  expect(Math.min(...handledThen)).toBeLessThan(CALLS);
});

test("a call whose time is over before its turn has come does not begin", async () => {
  const { client, handled } = await computingHost(60);
  const patient = client.unary(echo, {});
  const hasty = client.unary(echo, {}, { timeoutMs: 40 });
  expect((await failureOf(hasty)).code).toBe(Code.DeadlineExceeded);
  await patient;
  await client.unary(echo, {});
  expect(handled()).toBe(2);
});

test("with shedding off nothing is refused", async () => {
  const { release, waiting, host } = await busyHost({ maxLimit: 2, shed: false }, 20);
  release();
  await Promise.all(waiting);
  expect(host.load()).toMatchObject({ sheds: false, shed: { normal: 0 } });
});

test("refused calls share one line of the log a second", async () => {
  const { client, lines } = await busyHost({ maxLimit: 2 }, 1);
  await Promise.all(Array.from({ length: 20 }, () => failureOf(client.unary(echo, {}))));
  expect(lines.filter(({ msg }) => msg === "overloaded: calls are refused")).toHaveLength(1);
  expect(lines.filter(({ msg }) => msg === "call")).toHaveLength(0);
});

test("each answer and each error tells how busy the server is", async () => {
  const { client } = await limitedHostOf({ maxLimit: 4 }, serve(EchoService, echoService()));
  const { trailers } = await client.unary(echo, {});
  const error = await failureOf(client.unary(echo, { failCode: Code.NotFound }));
  for (const metadata of [trailers, error.metadata]) {
    expect(metadata.get("antiphon-load")).toEqual([expect.stringMatching(/^(0|1|0\.\d{1,2})$/)]);
    expect(Number(metadata.get("antiphon-load")[0])).toBeGreaterThanOrEqual(0.25);
  }
});
