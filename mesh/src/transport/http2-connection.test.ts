import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { until } from "../../testing/until.ts";
import type { Outcome } from "./connection.ts";
import { frame } from "./frames.ts";
import { Http2Connection, type Http2Options } from "./http2-connection.ts";
import { http2Peer, type Peer, tcpPeer } from "./peers.fixture.ts";

const GRPC = { ":status": 200, "content-type": "application/grpc" };
const peers: Peer[] = [];
const connections: Http2Connection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close("the test is over");
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

/** Opens a connection and writes down what it tells its owner. */
function connectTo(peer: Peer, options?: Http2Options) {
  peers.push(peer);
  const told: string[] = [];
  const settled = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<string>();
  const connection = new Http2Connection(
    { host: "127.0.0.1", port: peer.port },
    {
      ready() {
        told.push("ready");
        settled.resolve();
      },
      draining: () => told.push("draining"),
      closed(reason) {
        told.push("closed");
        settled.resolve();
        closed.resolve(reason);
      },
    },
    options,
  );
  connections.push(connection);
  connection.open();
  return { connection, told, settled: settled.promise, closed: closed.promise };
}

function call(connection: Http2Connection): Promise<Outcome & { readonly messages: readonly string[] }> {
  const messages: string[] = [];
  return new Promise((resolve) => {
    connection.attempt(
      {
        path: "/antiphon.mesh.v1.EchoService/Echo",
        headers: {},
        timeoutMs: 5_000,
        body: frame(Buffer.from("question")),
        maxMessageBytes: 1_000_000,
      },
      {
        header() {},
        message: (bytes) => messages.push(Buffer.from(bytes).toString()),
        end: (outcome) => resolve({ ...outcome, messages }),
      },
    );
  });
}

async function outcomeOf(onStream: (stream: ServerHttp2Stream) => void) {
  const { connection, settled } = connectTo(await http2Peer(onStream));
  await settled;
  return call(connection);
}

function answer(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string>) {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

test("an answer without a body carries its status in the header", async () => {
  const outcome = await outcomeOf((stream) =>
    stream.respond({ ...GRPC, "grpc-status": "5", "grpc-message": "no%20such%20track" }, { endStream: true }),
  );
  expect(outcome).toMatchObject({ code: Code.NotFound, text: "no such track", reached: true, blame: true });
});

test("a message in pieces is put together", async () => {
  const body = Buffer.concat([frame(Buffer.from("one")), frame(Buffer.from("two"))]);
  const outcome = await outcomeOf(async (stream) => {
    stream.respond(GRPC, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    for (const byte of body) await new Promise((resolve) => stream.write(Buffer.of(byte), resolve));
    stream.end();
  });
  expect(outcome).toMatchObject({ code: 0, messages: ["one", "two"] });
});

test("an unknown status is unknown, and a broken grpc-message is shown as far as it goes", async () => {
  const outcome = await outcomeOf((stream) =>
    answer(stream, Buffer.of(), { "grpc-status": "99", "grpc-message": "50%25 %zz" }),
  );
  expect(outcome).toMatchObject({ code: Code.Unknown, text: "50% %zz" });
});

test.each([
  ["half a message before an OK status", frame(Buffer.from("answer")).subarray(0, 8), Code.Internal],
  ["a compressed message that nobody asked for", Buffer.of(1, 0, 0, 0, 1, 7), Code.Internal],
  [
    "a message that is announced as larger than the limit",
    Buffer.of(0, 255, 0, 0, 0),
    Code.ResourceExhausted,
  ],
])("%s fails the call", async (_what, body, code) => {
  const outcome = await outcomeOf((stream) => answer(stream, body, { "grpc-status": "0" }));
  expect(outcome.code).toBe(code);
});

test("an answer that ends without a status is an internal error", async () => {
  const outcome = await outcomeOf((stream) => {
    stream.respond(GRPC);
    stream.end(frame(Buffer.from("answer")));
  });
  expect(outcome).toMatchObject({ code: Code.Internal, text: "the answer ended without a status" });
});

test.each([
  ["text/html", 200, Code.Unknown, true],
  ["text/plain", 503, Code.Unavailable, true],
  ["text/plain", 404, Code.Unimplemented, false],
])("an answer in %s with HTTP %i is no gRPC", async (type, status, code, reached) => {
  const outcome = await outcomeOf((stream) => {
    stream.respond({ ":status": status, "content-type": type });
    stream.end("<h1>hello</h1>");
  });
  expect(outcome).toMatchObject({ code, reached });
});

test.each([
  ["REFUSED_STREAM", Code.Unavailable, false],
  ["CANCEL", Code.Unavailable, true],
  ["ENHANCE_YOUR_CALM", Code.ResourceExhausted, true],
  ["INTERNAL_ERROR", Code.Internal, true],
  ["NO_ERROR", Code.Internal, true],
] as const)("a stream that the peer resets with %s", async (name, code, reached) => {
  const outcome = await outcomeOf((stream) => stream.close(constants[`NGHTTP2_${name}`]));
  expect(outcome).toMatchObject({ code, reached });
});

test("a peer that dies in the middle of an answer leaves its calls unavailable", async () => {
  const outcome = await outcomeOf((stream) => {
    stream.respond(GRPC);
    stream.write(frame(Buffer.from("half")), () => stream.session?.socket.destroy());
  });
  expect(outcome).toMatchObject({ code: Code.Unavailable, reached: true, messages: ["half"] });
});

test("a peer that sends garbage is given up", async () => {
  const peer = await tcpPeer((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\nwhat is this?\r\n".repeat(10)));
  const { told, closed } = connectTo(peer);
  expect(await closed).toMatch(/^connection to 127\.0\.0\.1:\d+ (failed|was closed)/);
  expect(told).toEqual(["closed"]);
});

test("a peer that accepts and never answers is given up by the watchdog", async () => {
  const { told, closed } = connectTo(await tcpPeer(() => {}), { handshakeTimeoutMs: 50 });
  expect(await closed).toMatch(/did not speak HTTP\/2 within 50 ms/);
  expect(told).toEqual(["closed"]);
});

test("a peer that falls silent is found out by a ping", async () => {
  const emptySettings = Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
  const peer = await tcpPeer((socket) => socket.write(emptySettings));
  const { told, settled, closed } = connectTo(peer, { keepaliveMs: 20, keepaliveTimeoutMs: 30 });
  await settled;
  expect(told).toEqual(["ready"]);
  expect(await closed).toMatch(/did not answer a ping/);
});

test("a ping tells the round trip", async () => {
  const { connection, settled } = connectTo(await http2Peer(() => {}));
  await settled;
  expect(await connection.ping()).toBeGreaterThan(0);
});

test("after GOAWAY the calls in flight end, and those the peer never saw are told apart", async () => {
  const streams: ServerHttp2Stream[] = [];
  const { connection, told, settled, closed } = connectTo(await http2Peer((stream) => streams.push(stream)));
  await settled;
  const seen = call(connection);
  await until(() => streams.length === 1);
  const unseen = call(connection);
  await until(() => streams.length === 2);
  const session = streams[0]!.session as Http2Session;
  session.goaway(constants.NGHTTP2_NO_ERROR, streams[0]!.id);
  expect(await unseen).toMatchObject({ code: Code.Unavailable, reached: false });
  expect(told).toEqual(["ready", "draining"]);
  answer(streams[0]!, frame(Buffer.from("in time")), { "grpc-status": "0" });
  expect(await seen).toMatchObject({ code: 0, messages: ["in time"] });
  streams[1]!.close();
  await closed;
});

test("a GOAWAY with an error ends the calls in flight", async () => {
  const { connection, settled } = connectTo(
    await http2Peer((stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, stream.id)),
  );
  await settled;
  expect(await call(connection)).toMatchObject({ code: Code.Unavailable, reached: true });
});

test("its own goaway lets calls end before it closes", async () => {
  const streams: ServerHttp2Stream[] = [];
  const { connection, told, settled, closed } = connectTo(await http2Peer((stream) => streams.push(stream)));
  await settled;
  const late = call(connection);
  await until(() => streams.length === 1);
  connection.goaway();
  expect(await call(connection)).toMatchObject({ code: Code.Unavailable, reached: false });
  answer(streams[0]!, frame(Buffer.from("late")), { "grpc-status": "0" });
  expect(await late).toMatchObject({ code: 0, messages: ["late"] });
  await closed;
  expect(told).toEqual(["ready", "closed"]);
});

test("a connection that is closed while it connects ends quietly", async () => {
  const { connection, told, closed } = connectTo(await http2Peer(() => {}));
  connection.goaway();
  await closed;
  await connectTo(await http2Peer(() => {})).settled;
  expect(told).toEqual(["closed"]);
});
