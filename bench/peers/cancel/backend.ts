import { randomBytes } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import {
  EchoRequestSchema,
  EchoService,
  EchoStreamRequestSchema,
  EchoStreamResponseSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { pathOf } from "../gateway/messages.ts";
import { clockMs, MESSAGE_BYTES } from "./shared.ts";

/** What the service has seen of its callers. */
export interface Seen {
  /** Calls that came, and those that have not ended. */
  readonly came: number;
  readonly open: number;
  /** Messages of which it is rid. */
  readonly pushed: number;
  /** When it heard that a caller has left, by the number of the call: since the last report. */
  readonly leftAtMs: Readonly<Record<string, number>>;
}

/** The service behind all gateways: it never ends a call. A stream is quiet after a message, or pushes without end. */
const server = new grpc.Server();
const { echo, echoStream } = EchoService.method;
let seen = { came: 0, open: 0, pushed: 0, leftAtMs: {} as Record<string, number> };

function follow(call: EventEmitter, number: string | number): void {
  seen.came++;
  seen.open++;
  call.once("cancelled", () => {
    seen.open--;
    seen.leftAtMs[number] = clockMs();
  });
}

type Pushing = grpc.ServerWritableStream<MessageShape<typeof EchoStreamRequestSchema>, Buffer>;
const asIs = (bytes: Buffer): Buffer => bytes;
const decoding =
  <S extends DescMessage>(schema: S) =>
  (bytes: Buffer): MessageShape<S> =>
    fromBinary(schema, bytes);
const payload = randomBytes(MESSAGE_BYTES);
const message = Buffer.from(
  toBinary(EchoStreamResponseSchema, create(EchoStreamResponseSchema, { payload })),
);

server.register(
  pathOf(echo),
  (call: grpc.ServerUnaryCall<MessageShape<typeof EchoRequestSchema>, Buffer>) =>
    follow(call, call.request.text),
  asIs,
  decoding(EchoRequestSchema),
  "unary",
);
server.register(
  pathOf(echoStream),
  async (call: Pushing) => {
    follow(call, call.request.count);
    do {
      const isTaken = call.write(message, () => seen.pushed++);
      if (!isTaken) await once(call, "drain");
    } while (call.request.intervalMs === 0 && !call.cancelled);
  },
  asIs,
  decoding(EchoStreamRequestSchema),
  "serverStream",
);
process.on("message", () => {
  process.send?.(seen satisfies Seen);
  seen = { ...seen, leftAtMs: {} };
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.(port);
});
