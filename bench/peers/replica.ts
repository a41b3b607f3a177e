import { EchoRequestSchema, EchoResponseSchema } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { ReplicaSpec } from "../src/fleet.ts";

/** Stock grpc-js servers, one for each spec in the first argument. SIGTERM drains them. */
const specs = JSON.parse(process.argv[2]!) as ReplicaSpec[];
const calls = specs.map(() => 0);

// EchoOnce has the same fields: one definition reads both.
const method = (name: string): grpc.MethodDefinition<object, object> => ({
  path: `/antiphon.mesh.v1.EchoService/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: () => Buffer.alloc(0),
  requestDeserialize: (bytes) => fromBinary(EchoRequestSchema, bytes),
  responseSerialize: (message) =>
    Buffer.from(toBinary(EchoResponseSchema, create(EchoResponseSchema, message))),
  responseDeserialize: (bytes) => fromBinary(EchoResponseSchema, bytes),
});

async function listen({ port = 0, delayMs = 0, failCode = 0 }: ReplicaSpec, index: number) {
  const server = new grpc.Server();
  const answer = (_call: object, reply: grpc.sendUnaryData<object>) => {
    calls[index]!++;
    const send = () => reply(failCode === 0 ? null : { code: failCode, details: "as asked" }, {});
    if (delayMs > 0) setTimeout(send, delayMs);
    else send();
  };
  server.addService(
    { Echo: method("Echo"), EchoOnce: method("EchoOnce") },
    { Echo: answer, EchoOnce: answer },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
  return { server, port: bound };
}

const servers = await Promise.all(specs.map(listen));
process.on("message", () => process.send?.(calls));
process.on("disconnect", () => process.exit());
process.once("SIGTERM", async () => {
  await Promise.all(
    servers.map(({ server }) => new Promise<void>((resolve) => server.tryShutdown(() => resolve()))),
  );
  process.exit();
});
process.send?.(servers.map(({ port }) => port));
