import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Code, createClient } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { CallError } from "../errors.ts";
import { grpcPeer, type Peer } from "../transport/peers.fixture.ts";
import { createMeshTransport, type MeshTransport } from "./mesh-transport.ts";

const peers: Peer[] = [];
const transports: MeshTransport[] = [];

async function echoPeer(handlers: Parameters<typeof grpcPeer>[0]) {
  const peer = await grpcPeer(handlers);
  peers.push(peer);
  return peer;
}

function echoClient(target: string) {
  const transport = createMeshTransport({ target });
  transports.push(transport);
  return createClient(EchoService, transport);
}

afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await Promise.all(peers.splice(0).map((peer) => peer.kill()));
});

test("a unary call is answered by a stock grpc-js server", async () => {
  const peer = await echoPeer({ echo: (call: any, answer: any) => answer(null, { text: call.request.text }) });
  const { text } = await echoClient(peer.target).echo({ text: "amen" });
  expect(text).toBe("amen");
});

test("a server stream is read to its end", async () => {
  const peer = await echoPeer({
    echoStream: (call: any) => {
      for (let index = 0; index < call.request.count; index++) call.write({ index, payload: new Uint8Array(10) });
      call.end();
    },
  });
  const seen: number[] = [];
  for await (const { index } of echoClient(peer.target).echoStream({ count: 100 })) seen.push(index);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
});

test("an error names the method, the code and what the server said", async () => {
  const peer = await echoPeer({
    echo: (_call: any, answer: any) => answer({ code: grpc.status.NOT_FOUND, details: "track t9 ist weg — ö" }),
  });
  const error = await echoClient(peer.target).echo({}).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CallError);
  expect(error).toMatchObject({
    code: Code.NotFound,
    message: "mesh.v1.EchoService/Echo not_found: track t9 ist weg — ö",
    peer: `127.0.0.1:${peer.port}`,
    attempt: 1,
  });
});
