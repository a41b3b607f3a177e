import { EchoRequestSchema, EchoResponseSchema } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { type LoadSettings, serveLoads } from "../src/load.ts";
import { registerPollingConsul } from "./polling-consul.ts";

/** A stock grpc-js client with round robin, as most would configure it. */
const {
  addresses,
  consulUrl,
  once,
  methodConfig = [],
  retryThrottling,
} = JSON.parse(process.argv[2]!) as LoadSettings;
if (consulUrl !== undefined) registerPollingConsul(consulUrl);
const target = consulUrl === undefined ? `ipv4:${addresses}` : "polling-consul:echo";
const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig,
    ...(retryThrottling ? { retryThrottling } : {}),
  }),
});
const path = `/antiphon.mesh.v1.EchoService/${once ? "EchoOnce" : "Echo"}`;
const request = create(EchoRequestSchema, { text: "x" });

serveLoads(
  (deadlineMs) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (message: typeof request) => Buffer.from(toBinary(EchoRequestSchema, message)),
        (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes),
        request,
        new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    }),
);
