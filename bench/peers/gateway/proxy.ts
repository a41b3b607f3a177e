import http, { type IncomingMessage, type ServerResponse } from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { batch, exported, pathOf, read, SEGMENT_BYTES, SEGMENT_PATH } from "./messages.ts";
import { serveUsage } from "./serve-usage.ts";

/** The least that can be done: what a hand-written proxy does for the same hop, and nothing else. */
const backend = http2.connect(`http://127.0.0.1:${process.argv[2]}`);
const PREFIX_BYTES = 5;
const CALL = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
const END_OF_STREAM = Buffer.from([2, 0, 0, 0, 2, ...Buffer.from("{}")]);

function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const call = (path: string, framed: Buffer) => backend.request({ ...CALL, ":path": path }).end(framed);

function bytesOf(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    stream.once("error", reject);
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "";
  if (path === SEGMENT_PATH) {
    const framed = await bytesOf(call(pathOf(read), frame(Buffer.alloc(0))));
    response.writeHead(200, { "content-type": "audio/mp4", "content-length": SEGMENT_BYTES });
    response.end(framed.subarray(framed.length - SEGMENT_BYTES));
    return;
  }
  const body = await bytesOf(request);
  if (path === pathOf(exported)) {
    response.writeHead(200, { "content-type": "application/connect+proto" });
    // The envelopes of the two protocols are alike.
    const stream = call(path, body);
    stream.pipe(response, { end: false });
    stream.once("end", () => response.end(END_OF_STREAM));
    return;
  }
  const type = request.headers["content-type"];
  const isJson = type === "application/json";
  const asked = isJson ? toBinary(batch.input, fromJsonString(batch.input, body.toString())) : body;
  const answered = (await bytesOf(call(path, frame(asked)))).subarray(PREFIX_BYTES);
  const told = isJson ? toJsonString(batch.output, fromBinary(batch.output, answered)) : answered;
  response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(told) });
  response.end(told);
}

const server = http.createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1", () => serveUsage((server.address() as AddressInfo).port));
