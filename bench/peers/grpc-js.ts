import {
  type EchoRequest,
  EchoRequestSchema,
  EchoResponseSchema,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { serveRounds } from "../src/rounds.ts";
import { request } from "./request.ts";

/** A stock grpc-js client with default options and nothing on: no deadline, no balancing, no metrics. */
const client = new grpc.Client(`127.0.0.1:${process.argv[2]}`, grpc.credentials.createInsecure());
const serialize = (message: EchoRequest) => {
  const bytes = toBinary(EchoRequestSchema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};
const deserialize = (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes);

serveRounds(
  () =>
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
    }),
);
