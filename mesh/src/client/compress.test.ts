import type { ServerHttp2Stream } from "node:http2";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { echoService } from "../../testing/echo.ts";
import { startMesh } from "../../testing/test-mesh.ts";
import { serve } from "../server/served.ts";
import { http2Peer } from "../transport/peers.fixture.ts";
import { echoBench, failureOf } from "./echo-bench.fixture.ts";
import { createMeshTransport } from "./mesh-transport.ts";

const bench = echoBench();
afterEach(bench.release);

const long = "a text that repeats itself ".repeat(1_000);

/** A client of a peer that answers `grpc-status`, and what it has heard. */
async function heardBy(status: Record<string, string>, compressFromBytes: number) {
  const heard: { encoding: unknown; bytes: number; isCompressed: boolean }[] = [];
  const onStream = async (stream: ServerHttp2Stream, headers: Record<string, unknown>) => {
    const body = Buffer.concat(await stream.toArray());
    heard.push({ encoding: headers["grpc-encoding"], bytes: body.length, isCompressed: body[0] === 1 });
    stream.respond({ ":status": 200, "content-type": "application/grpc", ...status }, { endStream: true });
  };
  const peer = await http2Peer((stream, headers) => void onStream(stream, headers));
  onTestFinished(() => peer.kill());
  const transport = createMeshTransport({ target: peer.target, compressFromBytes });
  onTestFinished(() => transport.close());
  return { heard, client: createClient(EchoService, transport) };
}

test("requests from the size on that is asked for are compressed, others are not", async () => {
  const { heard, client } = await heardBy({ "grpc-status": "5" }, 1_000);
  await failureOf(client.echo({ text: "short" }));
  await failureOf(client.echo({ text: long }));
  expect(heard).toEqual([
    { encoding: undefined, bytes: expect.any(Number), isCompressed: false },
    { encoding: "gzip", bytes: expect.any(Number), isCompressed: true },
  ]);
  expect(heard[1]!.bytes).toBeLessThan(long.length / 10);
});

test("a peer that does not read the compression fails the call with its own words", async () => {
  const { client } = await heardBy({ "grpc-status": "12", "grpc-message": "what is gzip?" }, 0);
  const error = await failureOf(client.echo({}));
  expect(error).toMatchObject({ code: Code.Unimplemented, rawMessage: "what is gzip?", attempt: 1 });
});

test("a stock server reads the messages of a stream, compressed and not", async () => {
  const peer = await bench.peer({
    echoCollect: (call, answer) => {
      const texts: string[] = [];
      call.on("data", ({ text }) => texts.push(text)).on("end", () => answer(null, { texts }));
    },
  });
  const sent = ["short", long, "short again"];
  const { texts } = await bench.client(peer.target, { compressFromBytes: 1_000 }).echoCollect(
    (async function* () {
      for (const text of sent) yield { text };
    })(),
  );
  expect(texts).toEqual(sent);
});

test("a call that is given up while its request is compressed is not sent", async () => {
  let calls = 0;
  const peer = await bench.peer({
    echo: (_call, answer) => {
      calls++;
      answer({ code: grpc.status.INTERNAL });
    },
  });
  const caller = new AbortController();
  const client = bench.client(peer.target, { compressFromBytes: 0 });
  const call = failureOf(client.echo({ text: long.repeat(100) }, { signal: caller.signal }));
  caller.abort();
  expect(await call).toMatchObject({ code: Code.Canceled, attempt: 0 });
  expect(calls).toBe(0);
});

test("the policy of a service decides for its methods, and its servers read what comes", async () => {
  const mesh = await startMesh({
    services: [{ name: "echo", served: [serve(EchoService, echoService())] }],
  });
  onTestFinished(() => mesh.stop());
  mesh.policy("echo", {
    methods: [{ method: "antiphon.mesh.v1.EchoService/Echo", compressFromBytes: 100 }],
  });
  const { text } = await mesh.client(EchoService, { listener: { id: "lst_me" } }).echo({ text: long });
  expect(text).toBe(long);
});
