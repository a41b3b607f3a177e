import { once } from "node:events";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { ServiceError } from "@grpc/grpc-js";
import { expect, test, vi } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { until } from "../../testing/until.ts";
import { currentListener, currentScope } from "../call-scope.ts";
import { fail } from "../errors.ts";
import { serve } from "./served.ts";
import { bareCall, encode, failureOf } from "./stock-client.fixture.ts";
import { hostOf, namedListener } from "./test-host.fixture.ts";

const { echo, echoStream, echoCollect, echoBoth } = EchoService.method;

function echoWith(parts: Partial<ServiceImpl<typeof EchoService>>) {
  return serve(EchoService, { ...echoService(), ...parts });
}

function statusOf(error: ServiceError) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  return fromBinary(StatusSchema, bytes as Buffer);
}

test("a unary call is answered, with the handler's headers and trailers", async () => {
  const { client } = await hostOf(
    echoWith({
      echo({ text }, context) {
        context.responseHeader.set("x-before", context.requestHeader.get("x-sent") ?? "");
        context.responseTrailer.set("x-after", "2");
        return { text };
      },
    }),
  );
  const { answer, headers, trailers } = await client.unary(
    echo,
    { text: "hé" },
    { headers: { "x-sent": "1" } },
  );
  expect(answer.text).toBe("hé");
  expect(headers.get("x-before")).toEqual(["1"]);
  expect(trailers.get("x-after")).toEqual(["2"]);
});

test("a server stream arrives in order", async () => {
  const { client } = await hostOf(echoWith({}));
  const stream = client.open(echoStream);
  stream.end({ count: 50, messageBytes: 10 });
  const indices: number[] = [];
  for await (const { index } of stream) indices.push(index);
  expect(indices).toEqual(Array.from({ length: 50 }, (_, index) => index));
});

test("a caller that does not read holds the handler back", async () => {
  let made = 0;
  let madeAtMs = Number.POSITIVE_INFINITY;
  const { port } = await hostOf(
    echoWith({
      async *echoStream() {
        for (; made < 200; made++) {
          madeAtMs = performance.now();
          yield { payload: new Uint8Array(64 * 1024) };
        }
      },
    }),
  );
  const stream = bareCall(port, echoStream, encode(echoStream.input, {}));
  await until(() => performance.now() - madeAtMs > 150);
  expect(made).toBeLessThan(100);
  let receivedBytes = 0;
  for await (const chunk of stream) receivedBytes += chunk.length;
  expect(made).toBe(200);
  expect(receivedBytes).toBeGreaterThan(200 * 64 * 1024);
});

test("a client stream is collected", async () => {
  const { client } = await hostOf(echoWith({}));
  const stream = client.open(echoCollect);
  for (const text of ["a", "b", "c"]) stream.write({ text });
  stream.end();
  for await (const { texts } of stream) expect(texts).toEqual(["a", "b", "c"]);
});

test("a handler may answer before the caller has sent everything", async () => {
  const { client } = await hostOf(
    echoWith({
      async echoCollect(requests) {
        for await (const { text } of requests) return { texts: [text] };
        return {};
      },
    }),
  );
  const stream = client.open(echoCollect);
  stream.write({ text: "first" });
  for await (const { texts } of stream) expect(texts).toEqual(["first"]);
});

test("both directions stream at once", async () => {
  const { client } = await hostOf(echoWith({}));
  const stream = client.open(echoBoth);
  const answers = stream[Symbol.asyncIterator]();
  for (const text of ["one", "two"]) {
    stream.write({ text });
    expect((await answers.next()).value).toMatchObject({ text });
  }
  stream.end();
  expect((await answers.next()).done).toBe(true);
});

test("an error carries its code, its message and its details", async () => {
  const { client } = await hostOf(
    echoWith({
      echo() {
        throw fail(Code.NotFound, "track t9 is not in the catalog ☂", MeshErrorDetailSchema, {
          reason: MeshErrorReason.NO_ENDPOINTS,
          subject: "t9",
        });
      },
    }),
  );
  const error = await failureOf(client.unary(echo, {}));
  expect(error.code).toBe(Code.NotFound);
  expect(error.details).toBe("track t9 is not in the catalog ☂");
  const { code, message, details } = statusOf(error);
  expect({ code, message }).toEqual({ code: Code.NotFound, message: error.details });
  expect(anyUnpack(details[0]!, MeshErrorDetailSchema)).toMatchObject({
    reason: MeshErrorReason.NO_ENDPOINTS,
    subject: "t9",
  });
});

test("a stream's error comes after what was sent before it", async () => {
  const { client } = await hostOf(echoWith({}));
  const stream = client.open(echoStream);
  stream.end({ count: 9, failAfter: 3, failCode: Code.Aborted });
  const indices: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { index } of stream) indices.push(index);
    })(),
  );
  expect(indices).toEqual([0, 1, 2]);
  expect(error.code).toBe(Code.Aborted);
});

test("what a handler throws by mistake is logged with its stack and not told", async () => {
  const { client, lines } = await hostOf(
    echoWith({
      echo() {
        throw Object.assign(new TypeError("secret"), { detail: "a row" });
      },
    }),
  );
  const error = await failureOf(client.unary(echo, {}));
  expect(error).toMatchObject({ code: Code.Internal, details: "internal error" });
  expect(lines).toMatchObject([
    { level: 50, code: "Internal", err: { message: "secret", stack: expect.any(String) } },
  ]);
});

test("a request that breaks the contract's rules is refused, each field named, before the handler runs", async () => {
  const handler = vi.fn(() => ({}));
  const { client } = await hostOf(echoWith({ echo: handler }));
  const error = await failureOf(client.unary(echo, { failCode: 77, delayMs: 70_000 }));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.details).toBe(
    "delay_ms: must be less than or equal to 60000 (was 70000); " +
      "fail_code: must be less than or equal to 16 (was 77)",
  );
  expect(anyUnpack(statusOf(error).details[0]!, ViolationsSchema)?.violations).toHaveLength(2);
  expect(handler).not.toHaveBeenCalled();
});

test("bytes that are no request are the caller's mistake", async () => {
  const { client } = await hostOf(echoWith({}));
  const error = await failureOf(client.send(echo, Buffer.from([0xff, 0xff, 0xff])));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.details).toBe("the request is not a readable antiphon.mesh.v1.EchoRequest");
});

test("a method that has no handler is unimplemented", async () => {
  const { client } = await hostOf(serve(EchoService, {} as ServiceImpl<typeof EchoService>));
  expect(await failureOf(client.unary(echo, {}))).toMatchObject({ code: Code.Unimplemented });
});

test("handlers see for whom they work, until when, and in which trace", async () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const seen: unknown[] = [];
  const { client } = await hostOf(
    echoWith({
      async echo(_request, context) {
        await null;
        seen.push(currentListener(), currentScope()?.traceparent, context.timeoutMs());
        return {};
      },
    }),
  );
  const headers = {
    ...namedListener("lst_1", "operator"),
    traceparent: `00-${trace}-00f067aa0ba902b7-01`,
  };
  await client.unary(echo, {}, { headers, timeoutMs: 5_000 });
  const [listener, traceparent, timeoutMs] = seen;
  expect(listener).toEqual({ id: "lst_1", operator: true });
  expect(traceparent).toMatch(new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  expect(timeoutMs).toBeGreaterThan(3_000);
  expect(timeoutMs).toBeLessThanOrEqual(5_000);
});

test("a call whose deadline has passed is not begun", async () => {
  const handler = vi.fn(() => ({}));
  const { port } = await hostOf(echoWith({ echo: handler }));
  const stream = bareCall(port, echo, encode(echo.input, {}), { "grpc-timeout": "0m" });
  const [headers] = await once(stream, "response");
  stream.resume();
  expect(Number(headers["grpc-status"])).toBe(Code.DeadlineExceeded);
  expect(handler).not.toHaveBeenCalled();
});

test("the handler's signal aborts when the deadline passes", async () => {
  let reason: unknown;
  const { client, value } = await hostOf(
    echoWith({
      async echo(_request, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        reason = signal.reason;
        return {};
      },
    }),
  );
  const error = await failureOf(client.unary(echo, {}, { timeoutMs: 50 }));
  expect(error.code).toBe(Code.DeadlineExceeded);
  await until(() => reason);
  expect(ConnectError.from(reason).code).toBe(Code.DeadlineExceeded);
  expect(await value("grpc_server_handled_total", { grpc_code: "DeadlineExceeded" })).toBe(1);
});

test("the handler's signal aborts when the caller goes away, and its stream ends", async () => {
  let ended = false;
  const { client, value } = await hostOf(
    echoWith({
      async *echoStream(_request, { signal }) {
        try {
          yield {};
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          yield {};
        } finally {
          ended = true;
        }
      },
    }),
  );
  const stream = client.open(echoStream);
  stream.on("error", () => {});
  stream.once("data", () => stream.cancel());
  stream.end({});
  await until(() => ended);
  expect(await value("grpc_server_handled_total", { grpc_code: "Canceled" })).toBe(1);
});

test("each call makes one log line and is counted; listeners and payloads are in neither", async () => {
  const { client, lines, metrics, value } = await hostOf(echoWith({}));
  await client.unary(echo, { text: "private" }, { headers: namedListener("lst_secret") });
  await failureOf(client.unary(echo, { failCode: Code.NotFound }));
  expect(lines).toEqual([
    {
      level: 30,
      time: expect.any(Number),
      method: "antiphon.mesh.v1.EchoService/Echo",
      code: "OK",
      ms: expect.any(Number),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      trace: expect.stringMatching(/^[0-9a-f]{32}$/),
      msg: "call",
    },
    expect.objectContaining({ code: "NotFound" }),
  ]);
  const labels = { grpc_type: "unary", grpc_service: "antiphon.mesh.v1.EchoService", grpc_method: "Echo" };
  expect(await value("grpc_server_started_total", labels)).toBe(2);
  expect(await value("grpc_server_msg_received_total", labels)).toBe(2);
  expect(await value("grpc_server_msg_sent_total", labels)).toBe(1);
  expect(await value("grpc_server_handled_total", { ...labels, grpc_code: "OK" })).toBe(1);
  expect(await value("grpc_server_handled_total", { ...labels, grpc_code: "NotFound" })).toBe(1);
  const text = await metrics.metrics();
  expect(text).toContain(`grpc_server_handling_seconds_count{grpc_type="unary"`);
  expect(text).toContain(`le="0.0025"`);
  expect(JSON.stringify(lines) + text).not.toMatch(/private|lst_secret/);
});
