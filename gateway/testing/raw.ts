import { once } from "node:events";
import http2 from "node:http2";
import { connect } from "node:net";

/** What the edge answers to bytes, until it closes the connection. */
export async function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    answer += chunk;
  });
  // A reset is an answer, too.
  socket.on("error", () => {});
  socket.end(bytes);
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
    await once(stream, "close");
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
