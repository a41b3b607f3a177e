import { once } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { EchoResponseSchema, EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { ManualClock } from "../../testing/manual-clock.ts";
import { until } from "../../testing/until.ts";
import { frame } from "../transport/frames.ts";
import { http2Peer, type Peer } from "../transport/peers.fixture.ts";
import { failureOf } from "./echo-bench.fixture.ts";
import { createMeshTransport, type MeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";

const GRPC = { ":status": 200, "content-type": "application/grpc" };
const peers: Peer[] = [];
const transports: MeshTransport[] = [];

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

/** A client of a peer that does with each stream what the test wants. */
async function clientOf(
  onStream: Parameters<typeof http2Peer>[0],
  settings?: Parameters<typeof http2Peer>[1],
  options: Partial<MeshTransportOptions> = {},
) {
  const peer = await http2Peer(onStream, settings);
  peers.push(peer);
  const transport = createMeshTransport({ target: peer.target, ...options });
  transports.push(transport);
  return createClient(EchoService, transport);
}

function begin(stream: ServerHttp2Stream, headers: Record<string, string> = {}): void {
  stream.respond({ ...GRPC, ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
}

const answer = (text: string) => toBinary(EchoResponseSchema, create(EchoResponseSchema, { text }));

test("it says that it reads gzip, and reads it", async () => {
  const client = await clientOf((stream, headers) => {
    begin(stream, { "grpc-encoding": "gzip" });
    const framed = frame(gzipSync(answer(`may compress by ${headers["grpc-accept-encoding"]}`)));
    framed[0] = 1;
    stream.end(framed);
  });
  expect((await client.echo({})).text).toBe("may compress by gzip");
});

test("a compression that it did not ask for fails the call", async () => {
  const client = await clientOf((stream) => {
    begin(stream, { "grpc-encoding": "zstd" });
    stream.end(Buffer.of(1, 0, 0, 0, 1, 7));
  });
  expect(await failureOf(client.echo({}))).toMatchObject({ code: Code.Internal });
});

test("nearly 16 MiB go there and back through windows of 64 KiB", async () => {
  const client = await clientOf((stream) => {
    begin(stream);
    stream.pipe(stream);
  });
  const text = "x".repeat(16 * 1024 * 1024 - 100);
  const { text: echoed } = await client.echo({ text }, { timeoutMs: 30_000 });
  expect(echoed.length).toBe(text.length);
}, 30_000);

test("calls beyond the streams that a peer allows wait for their turn", async () => {
  let open = 0;
  let most = 0;
  const waiting: ServerHttp2Stream[] = [];
  const finish = (stream: ServerHttp2Stream) => {
    begin(stream);
    stream.end(frame(answer("done")));
  };
  const client = await clientOf(
    (stream) => {
      most = Math.max(most, ++open);
      stream.on("close", () => open--);
      waiting.push(stream);
    },
    { maxConcurrentStreams: 2 },
  );
  const calls = Promise.all(Array.from({ length: 7 }, () => client.echo({})));
  for (let answered = 0; answered < 7; answered++) {
    await until(() => waiting.length > 0);
    finish(waiting.shift()!);
  }
  expect((await calls).map(({ text }) => text)).toEqual(Array(7).fill("done"));
  expect(most).toBe(2);
});

test("a status in the header counts only where nothing follows", async () => {
  const client = await clientOf((stream) => {
    begin(stream, { "grpc-status": "9" });
    stream.end(frame(answer("all the same")));
  });
  expect((await client.echo({})).text).toBe("all the same");
});

test("a peer that resets a call as its deadline passes has let it run out of time", async () => {
  const clock = new ManualClock();
  const client = await clientOf(
    (stream) => {
      clock.advance(60_000);
      stream.close(constants.NGHTTP2_CANCEL);
    },
    {},
    { clock },
  );
  const error = await failureOf(client.echoOnce({}, { timeoutMs: 60_000 }));
  expect(error.code).toBe(Code.DeadlineExceeded);
});

test("a timeout of 0 is none, not even that of the contract", async () => {
  const timeouts: unknown[] = [];
  const client = await clientOf((stream, headers) => {
    timeouts.push(headers["grpc-timeout"]);
    begin(stream);
    stream.end(frame(answer("")));
  });
  await client.echo({}, { timeoutMs: 0 });
  await client.echo({});
  expect(timeouts).toEqual([undefined, expect.stringMatching(/^\d+m$/)]);
});

/** A peer in a thread of its own, which answers while this one stands still. */
const THREAD = `
  const server = require("node:http2").createServer();
  server.on("stream", (stream) => {
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.alloc(5));
  });
  const tell = () => require("node:worker_threads").parentPort.postMessage(server.address().port);
  server.listen(0, "127.0.0.1", tell);
`;

test("an answer that came in time is taken although the caller stood still until after the deadline", async () => {
  const thread = new Worker(THREAD, { eval: true });
  onTestFinished(() => void thread.terminate());
  const [port] = await once(thread, "message");
  const transport = createMeshTransport({ target: `static:///127.0.0.1:${port}` });
  transports.push(transport);
  const client = createClient(EchoService, transport);
  await client.echo({});
  const call = client.echo({}, { timeoutMs: 100 });
  // After the request is sent: the timers come next, then the answers.
  setImmediate(() => {
    const until = performance.now() + 300;
    while (performance.now() < until);
  });
  await call;
});
