import { connect } from "node:http2";
import { EchoRequestSchema, EchoResponseSchema } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { serveRounds } from "../src/rounds.ts";
import { request } from "./request.ts";

/** The least that a gRPC call costs on node:http2: one stream, no status, no deadline, no errors. */
const session = connect(`http://127.0.0.1:${process.argv[2]}`);

serveRounds(
  () =>
    new Promise((resolve, reject) => {
      const message = toBinary(EchoRequestSchema, request);
      const framed = Buffer.allocUnsafe(5 + message.length);
      framed[0] = 0;
      framed.writeUInt32BE(message.length, 1);
      framed.set(message, 5);
      const stream = session.request({
        ":method": "POST",
        ":path": "/antiphon.mesh.v1.EchoService/Echo",
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("trailers", () => {});
      stream.on("end", () => resolve(fromBinary(EchoResponseSchema, Buffer.concat(chunks).subarray(5))));
      stream.on("error", reject);
      stream.end(framed);
    }),
);
