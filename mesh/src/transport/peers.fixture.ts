import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import {
  type EchoBothRequest,
  type EchoBothResponse,
  type EchoCollectRequest,
  type EchoCollectResponse,
  type EchoOnceRequest,
  type EchoOnceResponse,
  type EchoRequest,
  type EchoResponse,
  EchoService,
  type EchoStreamRequest,
  type EchoStreamResponse,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

/** A peer of the client under test, on a port of its own. */
export interface Peer {
  readonly port: number;
  readonly target: string;
  /** Ends it at once, with its connections. */
  kill(): Promise<void>;
}

type Rpc = keyof typeof EchoService.method;

export interface EchoHandlers {
  readonly echo?: grpc.handleUnaryCall<EchoRequest, Partial<EchoResponse>>;
  readonly echoOnce?: grpc.handleUnaryCall<EchoOnceRequest, Partial<EchoOnceResponse>>;
  readonly echoStream?: grpc.handleServerStreamingCall<EchoStreamRequest, Partial<EchoStreamResponse>>;
  readonly echoCollect?: grpc.handleClientStreamingCall<EchoCollectRequest, Partial<EchoCollectResponse>>;
  readonly echoBoth?: grpc.handleBidiStreamingCall<EchoBothRequest, Partial<EchoBothResponse>>;
}

/** A grpc-js method definition from a descriptor. */
export function definitionOf(method: DescMethod): grpc.MethodDefinition<object, object> {
  const serialize = (schema: DescMethod["input"]) => (value: object) =>
    Buffer.from(toBinary(schema, create(schema, value as MessageInitShape<typeof schema>)));
  const deserialize = (schema: DescMethod["input"]) => (bytes: Buffer) => fromBinary(schema, bytes);
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: serialize(method.input),
    requestDeserialize: deserialize(method.input),
    responseSerialize: serialize(method.output),
    responseDeserialize: deserialize(method.output),
  };
}

/** `EchoService` on a stock grpc-js server; handlers that are not given answer `unimplemented`. */
export async function grpcPeer(handlers: EchoHandlers, port = 0): Promise<Peer> {
  const server = new grpc.Server();
  const names = Object.keys(handlers) as Rpc[];
  server.addService(Object.fromEntries(names.map((name) => [name, definitionOf(EchoService.method[name])])), {
    ...handlers,
  } as grpc.UntypedServiceImplementation);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
  return { ...addressed(bound), kill: async () => server.forceShutdown() };
}

/** A peer that speaks HTTP/2 and does with each stream whatever the test wants. */
export async function http2Peer(
  onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  settings: Settings = {},
): Promise<Peer & { readonly connections: () => number }> {
  const server = createHttp2Server({ settings, maxSessionMemory: Number.MAX_SAFE_INTEGER });
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers: Record<string, unknown>) => {
    stream.on("error", () => {});
    onStream(stream, headers);
  });
  await listening(server);
  return {
    ...addressed(portOf(server)),
    connections: () => connections,
    kill: killer(server, sockets),
  };
}

/** A peer that speaks no HTTP/2 at all. */
export async function tcpPeer(onSocket: (socket: Socket) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  await listening(server);
  return { ...addressed(portOf(server)), kill: killer(server, sockets) };
}

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const peer = await tcpPeer(() => {});
  await peer.kill();
  return peer.port;
}

function addressed(port: number) {
  return { port, target: `static:///127.0.0.1:${port}` };
}

function listening(server: Server | Http2Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function portOf(server: Server | Http2Server): number {
  return (server.address() as AddressInfo).port;
}

function killer(server: Server | Http2Server, sockets: Set<Socket>) {
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
}
