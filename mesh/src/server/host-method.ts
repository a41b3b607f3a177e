import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  StatusObject,
} from "@grpc/grpc-js";
import { runInScope } from "../call-scope.ts";
import { fail } from "../errors.ts";
import type { MethodMetrics } from "../telemetry/server-metrics.ts";
import { accessOf, requireAccess } from "./access.ts";
import type { Served } from "./served.ts";
import type { ServerCall, Surface } from "./server-call.ts";
import { readRequest } from "./validation.ts";

type MethodSpec = Served["methods"][string];
type SpecOf<K extends MethodSpec["kind"]> = Extract<MethodSpec, { kind: K }>;

/** Opens a call: counted, watched for its end. `reply` is how its status is sent where there is no answer. */
export type BeginCall = (surface: Surface, reply: (status: StatusObject) => void) => ServerCall;

/** Puts a method's handler on a grpc-js server. Messages pass grpc-js as bytes: reading and writing them is ours. */
export function hostMethod(server: Server, spec: MethodSpec, metrics: MethodMetrics, begin: BeginCall): void {
  const hosted = new HostedMethod(spec.method.input, spec.method.output, metrics, accessOf(spec.method));
  const path = `/${spec.method.parent.typeName}/${spec.method.name}`;
  const register = <F>(type: string, handler: F & Parameters<typeof server.register<Buffer, Buffer>>[1]) =>
    server.register<Buffer, Buffer>(path, handler, bytes, bytes, type);
  switch (spec.kind) {
    case "unary":
      return void register("unary", unary(spec, hosted, begin));
    case "server_streaming":
      return void register("serverStream", serverStreaming(spec, hosted, begin));
    case "client_streaming":
      return void register("clientStream", clientStreaming(spec, hosted, begin));
    case "bidi_streaming":
      return void register("bidi", bidiStreaming(spec, hosted, begin));
  }
}

const bytes = (buffer: Buffer): Buffer => buffer;

/** What the four kinds of calls have in common: admission, reading and writing messages. */
class HostedMethod {
  readonly #input: DescMessage;
  readonly #output: DescMessage;
  readonly #metrics: MethodMetrics;
  readonly #access: ReturnType<typeof accessOf>;

  constructor(
    input: DescMessage,
    output: DescMessage,
    metrics: MethodMetrics,
    access: ReturnType<typeof accessOf>,
  ) {
    this.#input = input;
    this.#output = output;
    this.#metrics = metrics;
    this.#access = access;
  }

  /** Throws where the call must not run: nobody waits for it any more, or the caller may not make it. */
  admit(call: ServerCall): void {
    const remainingMs = call.timeoutMs();
    if (remainingMs !== undefined && remainingMs <= 0) {
      throw fail(Code.DeadlineExceeded, "the deadline had passed before the call began");
    }
    requireAccess(this.#access, call.listener);
  }

  read(message: Uint8Array): MessageShape<DescMessage> {
    this.#metrics.received();
    return readRequest(this.#input, message);
  }

  write(answer: MessageInitShape<DescMessage>): Buffer {
    const message = toBinary(this.#output, create(this.#output, answer));
    this.#metrics.sent();
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }

  /** The caller's messages, pulled one by one; the stream stays open when the handler stops reading. */
  async *requests(surface: ServerReadableStream<Buffer, Buffer>): AsyncGenerator<MessageShape<DescMessage>> {
    for await (const message of surface.iterator({ destroyOnReturn: false })) yield this.read(message);
  }
}

function unary(
  spec: SpecOf<"unary">,
  hosted: HostedMethod,
  begin: BeginCall,
): handleUnaryCall<Buffer, Buffer> {
  return (surface, respond) => {
    const call = begin(surface, respond);
    void runInScope(call, async () => {
      try {
        hosted.admit(call);
        const answer = hosted.write(await spec.impl(hosted.read(surface.request), call));
        if (call.settled) return;
        call.sendHeaders();
        respond(null, answer, call.trailers());
        call.succeed();
      } catch (error) {
        call.fail(error);
      }
    });
  };
}

function clientStreaming(
  spec: SpecOf<"client_streaming">,
  hosted: HostedMethod,
  begin: BeginCall,
): handleClientStreamingCall<Buffer, Buffer> {
  return (surface, respond) => {
    const call = begin(surface, respond);
    void runInScope(call, async () => {
      try {
        hosted.admit(call);
        const answer = hosted.write(await spec.impl(hosted.requests(surface), call));
        if (call.settled) return;
        call.sendHeaders();
        respond(null, answer, call.trailers());
        call.succeed();
      } catch (error) {
        call.fail(error);
      }
    });
  };
}

function serverStreaming(
  spec: SpecOf<"server_streaming">,
  hosted: HostedMethod,
  begin: BeginCall,
): handleServerStreamingCall<Buffer, Buffer> {
  return (surface) => stream(surface, hosted, begin, (call) => spec.impl(hosted.read(surface.request), call));
}

function bidiStreaming(
  spec: SpecOf<"bidi_streaming">,
  hosted: HostedMethod,
  begin: BeginCall,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (surface) => stream(surface, hosted, begin, (call) => spec.impl(hosted.requests(surface), call));
}

type WritableCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

function stream(
  surface: WritableCall,
  hosted: HostedMethod,
  begin: BeginCall,
  answers: (call: ServerCall) => AsyncIterable<MessageInitShape<DescMessage>>,
): void {
  // An "error" event is how grpc-js takes a status for a stream: it is sent after what was written.
  const call = begin(surface, (status) => void surface.emit("error", status));
  void runInScope(call, async () => {
    try {
      hosted.admit(call);
      for await (const answer of answers(call)) {
        if (call.settled) return;
        call.sendHeaders();
        if (!surface.write(hosted.write(answer))) await writable(surface);
      }
      if (call.settled) return;
      call.sendHeaders();
      surface.end(call.trailers());
      call.succeed();
    } catch (error) {
      call.fail(error);
    }
  });
}

/** Resolves when the caller has taken what was written, or is gone. */
function writable(surface: WritableCall): Promise<void> {
  if (surface.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      surface.off("drain", done);
      surface.off("close", done);
      resolve();
    };
    surface.on("drain", done);
    surface.on("close", done);
  });
}
