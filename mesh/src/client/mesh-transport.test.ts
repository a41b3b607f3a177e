import { CatalogErrorDetailSchema, CatalogErrorReason } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { MeshErrorDetailSchema, MeshErrorReason } from "@antiphon/proto/antiphon/mesh/v1/errors";
import { StatusSchema } from "@antiphon/proto/google/rpc/status";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import { runInScope } from "../call-scope.ts";
import type { Discovery } from "../discovery/discovery.ts";
import { CallError } from "../errors.ts";
import { deadPort, type EchoHandlers, grpcPeer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";

const peers: Peer[] = [];
const transports: MeshTransport[] = [];

async function echoPeer(handlers: EchoHandlers) {
  const peer = await grpcPeer(handlers);
  peers.push(peer);
  return peer;
}

function echoClient(target: string, options: Partial<MeshTransportOptions> = {}) {
  const transport = createMeshTransport({ target, ...options });
  transports.push(transport);
  return createClient(EchoService, transport);
}

async function failureOf(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

test("a unary call is answered by a stock grpc-js server", async () => {
  const peer = await echoPeer({ echo: (call, answer) => answer(null, { text: call.request.text }) });
  const { text } = await echoClient(peer.target).echo({ text: "amen" });
  expect(text).toBe("amen");
});

test("a message of several megabytes goes there and back", async () => {
  const peer = await echoPeer({ echo: (call, answer) => answer(null, { text: call.request.text }) });
  const text = "x".repeat(3_000_000);
  expect((await echoClient(peer.target).echo({ text })).text).toBe(text);
});

test("a server stream is read to its end", async () => {
  const peer = await echoPeer({
    echoStream: (call) => {
      for (let index = 0; index < call.request.count; index++) {
        call.write({ index, payload: new Uint8Array(10) });
      }
      call.end();
    },
  });
  const seen: number[] = [];
  for await (const { index } of echoClient(peer.target).echoStream({ count: 100 })) seen.push(index);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
});

test("a client stream is collected into one answer", async () => {
  const peer = await echoPeer({
    echoCollect: (call, answer) => {
      const texts: string[] = [];
      call.on("data", ({ text }) => texts.push(text)).on("end", () => answer(null, { texts }));
    },
  });
  const { texts } = await echoClient(peer.target).echoCollect(
    (async function* () {
      yield { text: "a" };
      yield { text: "b" };
    })(),
  );
  expect(texts).toEqual(["a", "b"]);
});

test("both sides of a bidirectional stream talk in turn", async () => {
  const peer = await echoPeer({
    echoBoth: (call) => {
      call.on("data", ({ text }) => call.write({ text: text.toUpperCase() })).on("end", () => call.end());
    },
  });
  let answered = Promise.withResolvers<void>();
  const heard: string[] = [];
  const answers = echoClient(peer.target).echoBoth(
    (async function* () {
      for (const text of ["call", "response"]) {
        answered = Promise.withResolvers();
        yield { text };
        await answered.promise;
      }
    })(),
  );
  for await (const { text } of answers) {
    heard.push(text);
    answered.resolve();
  }
  expect(heard).toEqual(["CALL", "RESPONSE"]);
});

test("an error names the method, the code and what the server said", async () => {
  const peer = await echoPeer({
    echo: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "100 % of Bjørk is away" }),
  });
  const error = await failureOf(echoClient(peer.target).echo({}));
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
  const peer = await echoPeer({
    echo: (_call, answer) => answer({ code: grpc.status.NOT_FOUND, details: "away", metadata }),
  });
  const error = await failureOf(echoClient(peer.target).echo({}));
  expect(error.findDetails(CatalogErrorDetailSchema)[0]).toMatchObject({ subject: "trk_9" });
});

test("headers and trailers arrive, binary ones in base64", async () => {
  let sent: grpc.Metadata | undefined;
  const peer = await echoPeer({
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
  await echoClient(peer.target).echo(
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
  const peer = await echoPeer({ echo: (_call, answer) => answer(null, {}) });
  const client = echoClient(peer.target);
  await client.echo({});
  const error = await failureOf(client.echo({}, { headers: { connection: "close" } }));
  expect(error.code).toBe(Code.Internal);
  expect(error.attempt).toBe(1);
  await client.echo({});
});

test("a call ends at its deadline, and the server hears of it", async () => {
  const cancelled = Promise.withResolvers<void>();
  let allowedMs = 0;
  const peer = await echoPeer({
    echo: (call) => {
      allowedMs = (call.getDeadline() as Date).valueOf() - Date.now();
      call.on("cancelled", () => cancelled.resolve());
    },
  });
  const error = await failureOf(echoClient(peer.target).echo({}, { timeoutMs: 80 }));
  expect(error.message).toBe("mesh.v1.EchoService/Echo deadline_exceeded: no answer within 80 ms");
  expect(allowedMs).toBeGreaterThan(20);
  expect(allowedMs).toBeLessThanOrEqual(81);
  await cancelled.promise;
});

test("an aborted call is cancelled at the server", async () => {
  const started = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const peer = await echoPeer({
    echo: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      started.resolve();
    },
  });
  const caller = new AbortController();
  const call = failureOf(echoClient(peer.target).echo({}, { signal: caller.signal }));
  await started.promise;
  caller.abort();
  expect((await call).code).toBe(Code.Canceled);
  await cancelled.promise;
});

test("an aborted stream is cancelled at the server", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await echoPeer({
    echoStream: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      call.write({ index: 1 });
    },
  });
  const caller = new AbortController();
  const read = async () => {
    for await (const _ of echoClient(peer.target).echoStream({}, { signal: caller.signal })) caller.abort();
  };
  expect((await failureOf(read())).code).toBe(Code.Canceled);
  await cancelled.promise;
});

test("a reader that leaves a stream early cancels it", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await echoPeer({
    echoStream: (call) => {
      call.on("cancelled", () => cancelled.resolve());
      call.write({ index: 1 });
    },
  });
  const transport = createMeshTransport({ target: peer.target });
  transports.push(transport);
  const input = (async function* () {
    yield { count: 1 };
  })();
  const { message } = await transport.stream(
    EchoService.method.echoStream,
    undefined,
    undefined,
    undefined,
    input,
  );
  for await (const _ of message) break;
  await cancelled.promise;
});

test("a stalled reader holds a fast writer back", async () => {
  let written = 0;
  let lastWriteAtMs = 0;
  const peer = await echoPeer({
    echoStream: async (call) => {
      for (; written < 200 && !call.cancelled; written++) {
        lastWriteAtMs = performance.now();
        if (!call.write({ payload: new Uint8Array(64 * 1024) })) {
          await new Promise((resolve) => call.once("drain", resolve));
        }
      }
      call.end();
    },
  });
  const iterator = echoClient(peer.target).echoStream({})[Symbol.asyncIterator]();
  await iterator.next();
  await until(() => performance.now() - lastWriteAtMs > 100);
  expect(written).toBeLessThan(60);
  let read = 1;
  while (!(await iterator.next()).done) read++;
  expect(read).toBe(200);
});

test("an answer over the size limit ends its call and leaves the endpoint in peace", async () => {
  const peer = await echoPeer({
    echo: (call, answer) => answer(null, { text: "x".repeat(Number(call.request.text)) }),
  });
  const client = echoClient(peer.target, { maxMessageBytes: 1_000 });
  const error = await failureOf(client.echo({ text: "2000" }));
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.rawMessage).toContain("1000 bytes");
  expect((await client.echo({ text: "500" })).text).toHaveLength(500);
});

test("a call inside a handler takes over deadline, listener and trace", async () => {
  let sent: grpc.Metadata | undefined;
  const peer = await echoPeer({
    echo: (call, answer) => {
      sent = call.metadata;
      answer(null, {});
    },
  });
  const client = echoClient(peer.target);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const listener = { id: "lst_1", operator: false };
  const scope = { listener, traceparent, deadlineAtMs: performance.now() + 2_000 };
  await runInScope(scope, () => client.echo({}));
  expect(sent?.get("antiphon-listener")).toEqual(["lst_1"]);
  expect(sent?.get("antiphon-role")).toEqual(["listener"]);
  expect(sent?.get("traceparent")).toEqual([traceparent]);

  const late = { ...scope, deadlineAtMs: performance.now() - 1 };
  const error = await failureOf(runInScope(late, () => client.echo({})));
  expect(error).toMatchObject({ code: Code.DeadlineExceeded, attempt: 0 });
});

test("a call whose caller has gone is cancelled", async () => {
  const peer = await echoPeer({ echo: () => {} });
  const caller = new AbortController();
  const call = failureOf(runInScope({ signal: caller.signal }, () => echoClient(peer.target).echo({})));
  caller.abort();
  expect((await call).code).toBe(Code.Canceled);
});

test("calls made before discovery has answered wait for it", async () => {
  const peer = await echoPeer({ echo: (_call, answer) => answer(null, { text: "here" }) });
  let tell: Parameters<Discovery["watch"]>[1] = () => {};
  const discovery: Discovery = {
    watch(_service, onEndpoints) {
      tell = onEndpoints;
      return { close() {} };
    },
  };
  const call = echoClient("consul:///echo", { discovery }).echo({});
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
    const error = await failureOf(echoClient("consul:///echo", { discovery }).echo({}, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(MeshErrorDetailSchema)[0]?.reason).toBe(MeshErrorReason.NO_ENDPOINTS);
  }
});

test("a refused connection is told at once", async () => {
  const error = await failureOf(echoClient(`static:///127.0.0.1:${await deadPort()}`).echo({}));
  expect(error.code).toBe(Code.Unavailable);
  expect(error.message).toContain("ECONNREFUSED");
  expect(error.findDetails(MeshErrorDetailSchema)[0]?.reason).toBe(MeshErrorReason.CONNECTION_LOST);
});

test("a target that is not understood is refused with what is allowed", () => {
  for (const target of [
    "catalog",
    "consul:///",
    "consul:///Catalog!",
    "static:///host",
    "static:///h:99999",
  ]) {
    expect(() => createMeshTransport({ target })).toThrow(/target ".*"/);
  }
  expect(() => createMeshTransport({ target: "consul:///catalog" })).toThrow("needs a discovery");
});

test("transports to one target share their connections", async () => {
  const peer = await echoPeer({ echo: (_call, answer) => answer(null, {}) });
  await echoClient(peer.target).echo({});
  await echoClient(peer.target).echo({});
  const [first, second] = transports.map((transport) => transport.debugSnapshot());
  expect(first?.endpoints[0]?.picks).toBe(2);
  expect(second).toMatchObject({ endpoints: first!.endpoints.map(({ id, picks }) => ({ id, picks })) });
});

test("a request stream is held back by a server that does not read, and told when it is over", async () => {
  const read = Promise.withResolvers<void>();
  const peer = await echoPeer({
    echoCollect: (call, answer) => {
      call.pause();
      let count = 0;
      call.on("data", () => count++).on("end", () => answer(null, { texts: [String(count)] }));
      void read.promise.then(() => call.resume());
    },
  });
  let sent = 0;
  let lastSentAtMs = performance.now();
  const { texts } = await echoClient(peer.target).echoCollect(
    (async function* () {
      const stalled = until(() => performance.now() - lastSentAtMs > 100);
      void stalled.then(() => {
        expect(sent).toBeLessThan(100);
        read.resolve();
      });
      for (; sent < 200; sent++) {
        lastSentAtMs = performance.now();
        yield { text: "x".repeat(50_000) };
      }
    })(),
  );
  expect(texts).toEqual(["200"]);
});

test("a source of messages is closed when the server ends the call", async () => {
  const peer = await echoPeer({
    echoBoth: (call) => {
      call.emit("error", { code: grpc.status.FAILED_PRECONDITION, details: "not today" });
    },
  });
  const closed = Promise.withResolvers<void>();
  const endless: AsyncIterable<{ text: string }> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        closed.resolve();
        return { done: true, value: undefined };
      },
    }),
  };
  const read = async () => {
    for await (const _ of echoClient(peer.target).echoBoth(endless));
  };
  expect((await failureOf(read())).code).toBe(Code.FailedPrecondition);
  await closed.promise;
});

test("a request stream that throws cancels its call", async () => {
  const cancelled = Promise.withResolvers<void>();
  const peer = await echoPeer({
    echoCollect: (call) => void call.on("cancelled", () => cancelled.resolve()).resume(),
  });
  const broken = (async function* () {
    yield { text: "a" };
    throw new Error("the microphone is gone");
  })();
  const error = await failureOf(echoClient(peer.target).echoCollect(broken));
  expect(error).toMatchObject({ code: Code.Canceled, rawMessage: expect.stringContaining("microphone") });
  await cancelled.promise;
});
