import * as grpc from "@grpc/grpc-js";
import { answers, batch, exported, list, pathOf, read, STREAM_MESSAGES, stat } from "./messages.ts";

/** The service behind all gateways: it answers with bytes made beforehand. */
const server = new grpc.Server();
const asIs = (bytes: Buffer): Buffer => bytes;

function unary(path: string, answer: Uint8Array): void {
  const bytes = Buffer.from(answer);
  server.register<Buffer, Buffer>(
    path,
    (_call: grpc.ServerUnaryCall<Buffer, Buffer>, respond: grpc.sendUnaryData<Buffer>) =>
      respond(null, bytes),
    asIs,
    asIs,
    "unary",
  );
}

function stream(path: string, message: Uint8Array, count: number): void {
  const bytes = Buffer.from(message);
  server.register<Buffer, Buffer>(
    path,
    async (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let sent = 0; sent < count && !call.cancelled; sent++) {
        if (!call.write(bytes)) await new Promise((resolve) => call.once("drain", resolve));
      }
      call.end();
    },
    asIs,
    asIs,
    "serverStream",
  );
}

unary(pathOf(batch), answers.small);
unary(pathOf(list), answers.large);
unary(pathOf(stat), answers.stat);
stream(pathOf(exported), answers.streamed, STREAM_MESSAGES);
stream(pathOf(read), answers.segment, 1);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.(port);
});
