import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  StatusObject,
  sendUnaryData,
} from "@grpc/grpc-js";
import type { HostedMethod } from "./hosted-method.ts";
import type { Served } from "./served.ts";
import type { ServerCall, Surface } from "./server-call.ts";

/** Opens a call: counted, watched for its end. `reply` is how its status is sent where there is no answer. */
export type BeginCall = (surface: Surface, reply: (status: StatusObject) => void) => ServerCall;

type Answer = MessageInitShape<DescMessage>;
type Handler =
  | handleUnaryCall<Buffer, Buffer>
  | handleClientStreamingCall<Buffer, Buffer>
  | handleServerStreamingCall<Buffer, Buffer>
  | handleBidiStreamingCall<Buffer, Buffer>;

/**
 * Puts a method's handler on a grpc-js server. Messages pass through grpc-js as bytes: what it does with
 * one that cannot be read is not seen by metrics and logs.
 */
export function hostMethod(
  server: Server,
  spec: Served["methods"][string],
  hosted: HostedMethod,
  begin: BeginCall,
): void {
  const path = `/${spec.method.parent.typeName}/${spec.method.name}`;
  const register = (type: string, handler: Handler) =>
    server.register<Buffer, Buffer>(path, handler, asIs, asIs, type);
  switch (spec.kind) {
    case "unary":
      register("unary", (surface: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
        answerOnce(surface, respond, hosted, begin, (call) => spec.impl(hosted.read(surface.request), call));
      });
      return;
    case "client_streaming":
      register(
        "clientStream",
        (surface: ServerReadableStream<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
          answerOnce(surface, respond, hosted, begin, (call) => spec.impl(hosted.readAll(surface), call));
        },
      );
      return;
    case "server_streaming":
      register("serverStream", (surface: ServerWritableStream<Buffer, Buffer>) => {
        answerMany(surface, hosted, begin, (call) => spec.impl(hosted.read(surface.request), call));
      });
      return;
    case "bidi_streaming":
      register("bidi", (surface: ServerDuplexStream<Buffer, Buffer>) => {
        answerMany(surface, hosted, begin, (call) => spec.impl(hosted.readAll(surface), call));
      });
      return;
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

function answerOnce(
  surface: Surface,
  respond: sendUnaryData<Buffer>,
  hosted: HostedMethod,
  begin: BeginCall,
  handle: (call: ServerCall) => Promise<Answer> | Answer,
): void {
  const call = begin(surface, respond);
  hosted.run(call, async () => {
    const answer = await handle(call);
    if (call.settled) return;
    const bytes = hosted.write(answer);
    call.sendHeaders();
    respond(null, bytes, call.trailers());
    call.succeed();
  });
}

type WritableSurface = Surface & (ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>);

function answerMany(
  surface: WritableSurface,
  hosted: HostedMethod,
  begin: BeginCall,
  handle: (call: ServerCall) => AsyncIterable<Answer>,
): void {
  // An "error" event is how grpc-js takes the status of a stream; it is sent after what was written.
  const call = begin(surface, (status) => void surface.emit("error", status));
  hosted.run(call, async () => {
    for await (const answer of handle(call)) {
      if (call.settled) return;
      const bytes = hosted.write(answer);
      call.sendHeaders();
      if (!surface.write(bytes)) await taken(surface);
    }
    if (call.settled) return;
    call.sendHeaders();
    surface.end(call.trailers());
    call.succeed();
  });
}

/** Resolves when the caller has taken what was written, or is gone: grpc-js drops its writes without a word then. */
function taken(surface: WritableSurface): Promise<void> {
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
