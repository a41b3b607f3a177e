import { once } from "node:events";
import http2 from "node:http2";
import { connect } from "node:net";

/** Nobody waits longer for an answer. */
const PATIENCE_MS = 10_000;

/** What the edge answers to bytes until it closes the connection; with `end` the client closes its half first. */
export async function raw(port: number, bytes: string | Uint8Array, end = false): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    answer += chunk;
  });
  // A reset is an answer, too.
  socket.on("error", () => {});
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  if (end) socket.end(bytes);
  else socket.write(bytes);
  await once(socket, "close");
  return answer;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
}

/** One request over HTTP/2; undefined where its stream is reset instead of answered. */
export async function overHttp2(
  port: number,
  headers: http2.OutgoingHttpHeaders,
  body?: string | Uint8Array,
): Promise<Answer | undefined> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  try {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const chunks: Buffer[] = [];
    let answer: http2.IncomingHttpHeaders | undefined;
    stream.on("response", (received) => {
      answer = received;
    });
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on("trailers", (last) => {
      trailers = last;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.setTimeout(PATIENCE_MS, () => stream.close());
    await new Promise((resolve) => stream.once("close", resolve));
    const received = answer as http2.IncomingHttpHeaders | undefined;
    if (!received) return undefined;
    return { status: Number(received[":status"]), body: Buffer.concat(chunks), headers: received, trailers };
  } finally {
    session.destroy();
  }
}

/** A message in the envelope of gRPC, gRPC-Web and Connect's streams. */
export function enveloped(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}
