import {
  type EchoRequest,
  EchoRequestSchema,
  EchoResponseSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { request } from "./request.ts";

/** One call of a plain grpc-js client, by default with nothing on: no deadline, no retries, no balancing. */
export function stockCall(target: string, options: grpc.ClientOptions = {}): () => Promise<unknown> {
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
  const serialize = (message: EchoRequest) => {
    const bytes = toBinary(EchoRequestSchema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const deserialize = (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes);
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        "/antiphon.mesh.v1.EchoService/Echo",
        serialize,
        deserialize,
        request,
        new grpc.Metadata(),
        {},
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}
