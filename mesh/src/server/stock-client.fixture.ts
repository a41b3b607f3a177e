import { type ClientHttp2Stream, connect } from "node:http2";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

export interface StockCallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A grpc-js client with nothing of ours in it, to see what a server puts on the wire. */
export class StockClient {
  readonly grpc: Client;

  constructor(port: number) {
    this.grpc = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  close(): void {
    this.grpc.close();
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: StockCallOptions,
  ): Promise<{ answer: MessageShape<O>; headers: Metadata; trailers: Metadata }> {
    const [answer, headers, trailers] = await this.send(method, encode(method.input, request), options);
    return { answer: fromBinary(method.output, answer), headers, trailers };
  }

  /** Sends bytes as they are, readable or not. */
  send(
    method: DescMethod,
    request: Buffer,
    options?: StockCallOptions,
  ): Promise<[Buffer, Metadata, Metadata]> {
    return new Promise((resolve, reject) => {
      let headers = new Metadata();
      let answer: Buffer | undefined;
      const { metadata, deadline } = termsOf(options);
      const call = this.grpc.makeUnaryRequest(
        pathOf(method),
        asIs,
        asIs,
        request,
        metadata,
        deadline,
        (error, bytes) => {
          if (error) reject(error);
          else answer = bytes;
        },
      );
      call.on("metadata", (received) => {
        headers = received;
      });
      call.on("status", (status) => answer && resolve([answer, headers, status.metadata]));
    });
  }

  /** A stream in both directions; also for methods that stream in one. */
  open<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    options?: StockCallOptions,
  ): ClientDuplexStream<MessageInitShape<I>, MessageShape<O>> {
    const { metadata, deadline } = termsOf(options);
    return this.grpc.makeBidiStreamRequest<MessageInitShape<I>, MessageShape<O>>(
      pathOf(method),
      (request) => encode(method.input, request),
      (bytes) => fromBinary(method.output, bytes),
      metadata,
      deadline,
    );
  }
}

/** How a call failed; fails the test where it did not. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error("the call was expected to fail");
    },
    (error: ServiceError) => error,
  );
}

export function encode<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}

/** A call on bare HTTP/2, for what no gRPC client would do. Its connection closes with it. */
export function bareCall(
  port: number,
  method: DescMethod,
  request: Buffer,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": pathOf(method),
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("close", () => session.close());
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([prefix, request]));
  return stream;
}

const asIs = (bytes: Buffer): Buffer => bytes;

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function termsOf({ headers = {}, timeoutMs }: StockCallOptions = {}) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return { metadata, deadline: timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs } };
}
