import { CatalogErrorDetailSchema, CatalogErrorReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { runInScope } from "../call-scope.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { deadPort } from "../transport/peers.fixture.ts";
import { echoBench, failureOf } from "./echo-bench.fixture.ts";
import { createMeshTransport } from "./mesh-transport.ts";

const bench = echoBench();
afterEach(bench.release);

test("a unary call is answered by a stock grpc-js server", async () => {
  const peer = await bench.peer({ echo: (call, answer) => answer(null, { text: call.request.text }) });
  const { text } = await bench.client(peer.target).echo({ text: "amen" });
  expect(text).toBe("amen");
});

test("a message of several megabytes goes there and back", async () => {
  const peer = await bench.peer({ echo: (call, answer) => answer(null, { text: call.request.text }) });
  const text = "x".repeat(3_000_000);
  expect((await bench.client(peer.target).echo({ text })).text).toBe(text);
});

test("an error names the method, the code and what the server said", async () => {
  const peer = await bench.peer({
    echo: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "100 % of Bjørk is away" }),
  });
  const error = await failureOf(bench.client(peer.target).echo({}));
  expect(error).toMatchObject({
    code: Code.NotFound,
    message: "mesh.v1.EchoService/Echo not_found: 100 % of Bjørk is away",
    peer: `127.0.0.1:${peer.port}`,
    attempt: 1,
  });
});

test("the details of an error can be found by their type", async () => {
  const detail = create(CatalogErrorDetailSchema, {
    reason: CatalogErrorReason.TRACK_NOT_FOUND,
    subject: "trk_9",
  });
  const status = create(StatusSchema, { code: 5, details: [anyPack(CatalogErrorDetailSchema, detail)] });
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  const peer = await bench.peer({
    echo: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "away", metadata }),
  });
  const error = await failureOf(bench.client(peer.target).echo({}));
  expect(error.findDetails(CatalogErrorDetailSchema)[0]).toMatchObject({ subject: "trk_9" });
});

test("headers and trailers arrive, binary ones in base64", async () => {
  let sent: grpc.Metadata | undefined;
  const peer = await bench.peer({
    echo: (call, answer) => {
      sent = call.metadata;
      const header = new grpc.Metadata();
      header.set("x-header", "h");
      call.sendMetadata(header);
      const trailer = new grpc.Metadata();
      trailer.set("x-trailer-bin", Buffer.from([1, 2, 255]));
      answer(null, {}, trailer);
    },
  });
  const seen: Record<string, string | null> = {};
  await bench.client(peer.target).echo(
    {},
    {
      headers: { "X-Custom": "c", "x-bytes-bin": "AQL/" },
      onHeader: (headers) => {
        seen.header = headers.get("x-header");
      },
      onTrailer: (headers) => {
        seen.trailer = headers.get("x-trailer-bin");
      },
    },
  );
  expect(seen).toEqual({ header: "h", trailer: "AQL/" });
  expect(sent?.get("x-custom")).toEqual(["c"]);
  expect(sent?.get("x-bytes-bin")).toEqual([Buffer.from([1, 2, 255])]);
});

test("a header that cannot be sent fails its call alone", async () => {
  const peer = await bench.peer({ echo: (_call, answer) => answer(null, {}) });
  const client = bench.client(peer.target);
  await client.echo({});
  const error = await failureOf(client.echo({}, { headers: { connection: "close" } }));
  expect(error.code).toBe(Code.Internal);
  expect(error.attempt).toBe(1);
  await client.echo({});
});

test("a call ends at its deadline, and the server hears of it", async () => {
  const cancelled = Promise.withResolvers<void>();
  let allowedMs = 0;
  const peer = await bench.peer({
    echo: (call) => {
      allowedMs = (call.getDeadline() as Date).valueOf() - Date.now();
      call.on("cancelled", () => cancelled.resolve());
    },
  });
  const error = await failureOf(bench.client(peer.target).echo({}, { timeoutMs: 80 }));
  expect(error.message).toBe("mesh.v1.EchoService/Echo deadline_exceeded: no answer within 80 ms");
  expect(allowedMs).toBeGreaterThan(20);
  expect(allowedMs).toBeLessThanOrEqual(81);
  await cancelled.promise;
});

test("an aborted call is cancelled at the server", async () => {
  const started = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const peer = await bench.peer({
    echo: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      started.resolve();
    },
  });
  const caller = new AbortController();
  const call = failureOf(bench.client(peer.target).echo({}, { signal: caller.signal }));
  await started.promise;
  caller.abort();
  expect((await call).code).toBe(Code.Canceled);
  await cancelled.promise;
});

test("an answer over the size limit ends its call and leaves the endpoint in peace", async () => {
  const peer = await bench.peer({
    echo: (call, answer) => answer(null, { text: "x".repeat(Number(call.request.text)) }),
  });
  const client = bench.client(peer.target, { maxMessageBytes: 1_000 });
  const error = await failureOf(client.echo({ text: "2000" }));
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.rawMessage).toContain("1000 bytes");
  expect((await client.echo({ text: "500" })).text).toHaveLength(500);
});

test("a call inside a handler takes over deadline, listener and trace", async () => {
  let sent: grpc.Metadata | undefined;
  const peer = await bench.peer({
    echo: (call, answer) => {
      sent = call.metadata;
      answer(null, {});
    },
  });
  const client = bench.client(peer.target);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const listener = { id: "lst_1", operator: false };
  const proof = { token: "1.signature", expiresAtMs: Date.now() + 60_000 };
  const scope = { listener, proof, traceparent, deadlineAtMs: performance.now() + 2_000 };
  await runInScope(scope, () => client.echo({}));
  expect(sent?.get("antiphon-listener")).toEqual(["lst_1"]);
  expect(sent?.get("antiphon-role")).toEqual(["listener"]);
  expect(sent?.get("antiphon-proof")).toEqual(["1.signature"]);
  expect(sent?.get("traceparent")).toEqual([traceparent]);

  const late = { ...scope, deadlineAtMs: performance.now() - 1 };
  const error = await failureOf(runInScope(late, () => client.echo({})));
  expect(error).toMatchObject({ code: Code.DeadlineExceeded, attempt: 0 });
});

test("a listener for whom there is no proof, or none that holds, is not handed on", async () => {
  const sent: grpc.Metadata[] = [];
  const peer = await bench.peer({
    echo: (call, answer) => {
      sent.push(call.metadata);
      answer(null, {});
    },
  });
  const client = bench.client(peer.target);
  const listener = { id: "lst_1", operator: false };
  await runInScope({ listener }, () => client.echo({}));
  const proof = { token: "1.signature", expiresAtMs: Date.now() - 1 };
  await runInScope({ listener, proof }, () => client.echo({}));
  expect(sent.map((metadata) => metadata.get("antiphon-listener"))).toEqual([[], []]);
});

test("a call whose caller has gone is cancelled", async () => {
  const peer = await bench.peer({ echo: () => {} });
  const caller = new AbortController();
  const call = failureOf(runInScope({ signal: caller.signal }, () => bench.client(peer.target).echo({})));
  caller.abort();
  expect((await call).code).toBe(Code.Canceled);
});

test("calls made before discovery has answered wait for it", async () => {
  const peer = await bench.peer({ echo: (_call, answer) => answer(null, { text: "here" }) });
  let tell: Parameters<Discovery["watch"]>[1] = () => {};
  const discovery: Discovery = {
    watch(_service, onEndpoints) {
      tell = onEndpoints;
      return { close() {} };
    },
  };
  const call = bench.client("consul:///echo", { discovery }).echo({});
  tell([{ id: "a", host: "127.0.0.1", port: peer.port, version: "1", zone: "z", weight: 1 }]);
  expect((await call).text).toBe("here");
});

test("a call without any endpoint says so, at its deadline where discovery is silent", async () => {
  const silent: Discovery = { watch: () => ({ close() {} }) };
  const empty: Discovery = {
    watch(_service, onEndpoints) {
      queueMicrotask(() => onEndpoints([]));
      return { close() {} };
    },
  };
  for (const discovery of [silent, empty]) {
    const error = await failureOf(bench.client("consul:///echo", { discovery }).echo({}, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(MeshErrorDetailSchema)[0]?.reason).toBe(MeshErrorReason.NO_ENDPOINTS);
  }
});

test("a refused connection is told at once", async () => {
  const error = await failureOf(bench.client(`static:///127.0.0.1:${await deadPort()}`).echo({}));
  expect(error.code).toBe(Code.Unavailable);
  expect(error.message).toContain("ECONNREFUSED");
  expect(error.findDetails(MeshErrorDetailSchema)[0]?.reason).toBe(MeshErrorReason.CONNECTION_LOST);
});

test("the addresses of a host name are found by DNS", async () => {
  const peer = await bench.peer({ echo: (_call, answer) => answer(null, { text: "here" }) });
  expect((await bench.client(`dns:///localhost:${peer.port}`).echo({})).text).toBe("here");
});

test("a target that is not understood is refused with what is allowed", () => {
  for (const target of [
    "catalog",
    "consul:///",
    "consul:///Catalog!",
    "static:///host",
    "static:///h:99999",
    "dns:///host",
    "dns:///a:1,b:1",
  ]) {
    expect(() => createMeshTransport({ target })).toThrow(/target ".*"/);
  }
  expect(() => createMeshTransport({ target: "consul:///catalog" })).toThrow("needs a discovery");
});

test("transports to one target share their connections", async () => {
  const peer = await bench.peer({ echo: (_call, answer) => answer(null, {}) });
  const [first, second] = [bench.transport(peer.target), bench.transport(peer.target)];
  await bench.client(peer.target).echo({});
  await bench.client(peer.target).echo({});
  for (const transport of [first!, second!]) {
    expect(transport.debugSnapshot().endpoints).toMatchObject([{ id: `127.0.0.1:${peer.port}`, picks: 2 }]);
  }
});
