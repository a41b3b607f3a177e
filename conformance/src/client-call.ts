import { setTimeout as sleep } from "node:timers/promises";
import { CallError, createMeshTransport, type MeshTransport } from "@antiphon/mesh";
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import type {
  ClientCompatRequest,
  ClientResponseResultSchema,
} from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { Compression, StreamType } from "../gen/connectrpc/conformance/v1/config_pb.js";
import {
  type BidiStreamRequest,
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload,
  ConformancePayloadSchema,
  ConformanceService,
  type HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
} from "../gen/connectrpc/conformance/v1/service_pb.js";

type Result = MessageInitShape<typeof ClientResponseResultSchema>;

const transports = new Map<string, MeshTransport>();

/** One call of the suite: makes it as its request says, and remembers what came. */
export class ClientCall {
  readonly #request: ClientCompatRequest;
  readonly #abort = new AbortController();
  readonly #payloads: ConformancePayload[] = [];
  #header = new Headers();
  #trailer = new Headers();
  #error: ConnectError | undefined;
  #sent = 0;
  #answers = 0;
  #over = false;

  constructor(request: ClientCompatRequest) {
    this.#request = request;
  }

  async make(): Promise<void> {
    const transport = transportOf(this.#request);
    // A deadline that passes before there is a connection is told apart by the mesh, and not by the suite.
    await until(() => transport.debugSnapshot().endpoints.some(({ state }) => state !== "connecting"));
    const client = createClient(ConformanceService, transport);
    const { method, timeoutMs, requestMessages } = this.#request;
    const headers = new Headers();
    for (const { name, value } of this.#request.requestHeaders) {
      for (const one of value) headers.append(name, one);
    }
    const options = {
      headers,
      signal: this.#abort.signal,
      // 0 is none: without it the contract's default would hold.
      timeoutMs: timeoutMs ?? 0,
      onHeader: (header: Headers) => {
        this.#header = header;
      },
      onTrailer: (trailer: Headers) => {
        this.#trailer = trailer;
      },
    };
    switch (method) {
      case "Unary":
        return this.#unary(client.unary(unpack(requestMessages[0], UnaryRequestSchema), options));
      case "IdempotentUnary":
        return this.#unary(
          client.idempotentUnary(unpack(requestMessages[0], IdempotentUnaryRequestSchema), options),
        );
      case "Unimplemented":
        return this.#unary(client.unimplemented({}, options).then(() => ({})));
      case "ClientStream":
        return this.#unary(client.clientStream(this.#messages(ClientStreamRequestSchema), options));
      case "ServerStream":
        return this.#serverStream(
          client.serverStream(unpack(requestMessages[0], ServerStreamRequestSchema), options),
        );
      case "BidiStream":
        return this.#bidi((messages) => client.bidiStream(messages, options));
      default:
        throw new Error(`there is no method ${method}`);
    }
  }

  /** Nothing more is sent. */
  end(): void {
    this.#over = true;
  }

  failed(error: unknown): void {
    this.#error = ConnectError.from(error);
    if (!(error instanceof CallError)) return;
    this.#header = error.header;
    this.#trailer = error.trailer;
  }

  result(): Result {
    return {
      responseHeaders: listOf(this.#header),
      responseTrailers: listOf(this.#trailer),
      payloads: this.#payloads,
      numUnsentRequests: this.#error ? this.#request.requestMessages.length - this.#sent : 0,
      ...(this.#error ? { error: errorOf(this.#error) } : {}),
    };
  }

  async #unary(answer: Promise<{ payload?: ConformancePayload | undefined }>): Promise<void> {
    if (this.#request.streamType === StreamType.UNARY) this.#onRequestsSent();
    this.#take(await answer);
  }

  async #serverStream(answers: AsyncIterable<{ payload?: ConformancePayload | undefined }>): Promise<void> {
    this.#onRequestsSent();
    for await (const answer of answers) this.#take(answer);
  }

  async #bidi(
    start: (
      messages: AsyncIterable<BidiStreamRequest>,
    ) => AsyncIterable<{ payload?: ConformancePayload | undefined }>,
  ): Promise<void> {
    const isFullDuplex = this.#request.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM;
    const paced = this.#messages(BidiStreamRequestSchema, () =>
      isFullDuplex ? until(() => this.#answers >= this.#sent || this.#over) : undefined,
    );
    for await (const answer of start(paced)) this.#take(answer);
  }

  #take({ payload }: { payload?: ConformancePayload | undefined }): void {
    this.#answers++;
    this.#payloads.push(payload ?? create(ConformancePayloadSchema));
    const { cancelTiming } = this.#request.cancel ?? {};
    if (cancelTiming?.case === "afterNumResponses" && cancelTiming.value === this.#answers)
      this.#abort.abort();
  }

  /** The request messages one by one; before each but the first waits for `turn`. */
  async *#messages<D extends DescMessage>(schema: D, turn?: () => Promise<void> | undefined) {
    for (const message of this.#request.requestMessages) {
      if (this.#sent > 0) await turn?.();
      await sleep(this.#request.requestDelayMs);
      this.#sent++;
      yield unpack(message, schema);
    }
    await turn?.();
    if (this.#request.cancel?.cancelTiming.case === "beforeCloseSend") {
      this.#abort.abort();
      return;
    }
    this.#onRequestsSent();
  }

  #onRequestsSent(): void {
    this.#sent = this.#request.requestMessages.length;
    const { cancelTiming } = this.#request.cancel ?? {};
    if (cancelTiming?.case === "afterCloseSendMs") setTimeout(() => this.#abort.abort(), cancelTiming.value);
  }
}

/** Ends all connections. */
export function closeTransports(): void {
  for (const transport of transports.values()) transport.close();
}

/** One connection for all calls to a server that are made in the same way. */
function transportOf(request: ClientCompatRequest): MeshTransport {
  const { host, port, messageReceiveLimit, compression } = request;
  const key = `${host}:${port} ${messageReceiveLimit} ${compression}`;
  const known = transports.get(key);
  if (known) return known;
  const transport = createMeshTransport({
    target: `static:///${host}:${port}`,
    ...(messageReceiveLimit > 0 ? { maxMessageBytes: messageReceiveLimit } : {}),
    ...(compression === Compression.GZIP ? { compressFromBytes: 0 } : {}),
  });
  transports.set(key, transport);
  return transport;
}

function unpack<D extends DescMessage>(packed: Any | undefined, schema: D): MessageShape<D> {
  const message = packed && anyUnpack(packed, schema);
  if (!message) throw new Error(`the request is not a ${schema.typeName}`);
  return message;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

function errorOf({ code, rawMessage, details }: ConnectError): Result["error"] {
  return {
    code: code as number,
    message: rawMessage,
    details: details.flatMap((detail) =>
      "type" in detail ? [{ typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value }] : [],
    ),
  };
}

function listOf(headers: Headers): MessageInitShape<typeof HeaderSchema>[] {
  return [...headers].map(([name, value]) => ({ name, value: value.split(", ") }));
}
