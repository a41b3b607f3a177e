import {
  type EchoRequest,
  EchoRequestSchema,
  EchoResponseSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

/** A stock grpc-js server on as many ports as the first argument says. */
const server = new grpc.Server();
let calls = 0;
server.addService(
  {
    Echo: {
      path: "/antiphon.mesh.v1.EchoService/Echo",
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: EchoRequest) => Buffer.from(toBinary(EchoRequestSchema, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes),
      responseSerialize: (message: MessageShape<typeof EchoResponseSchema>) =>
        Buffer.from(toBinary(EchoResponseSchema, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes),
    },
  },
  {
    Echo: (call: { request: EchoRequest }, answer: grpc.sendUnaryData<object>) => {
      calls++;
      const { text, numbers } = call.request;
      answer(null, create(EchoResponseSchema, { text, numbers }));
    },
  },
);

const bind = () =>
  new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
const ports = await Promise.all(Array.from({ length: Number(process.argv[2]) }, bind));
process.on("message", () => process.send?.(calls));
process.send?.(ports);
