import { createHash } from "node:crypto";
import { serve } from "@antiphon/mesh";
import { echoService, startMesh } from "@antiphon/mesh/testing";
import {
  type EchoRequest,
  EchoRequestSchema,
  EchoResponseSchema,
  EchoService,
} from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { ServerCounts } from "../src/overload.ts";

/**
 * A server whose calls each cost so many milliseconds of CPU: `mesh` with its defaults, or `grpc-js` as it
 * comes. Tells its port, then answers each message with what it did so far.
 */
const [kind, workMs] = [process.argv[2], Number(process.argv[3])];
const block = Buffer.alloc(64 * 1024, 7);
const work = (blocks: number) => {
  for (let index = 0; index < blocks; index++) createHash("sha256").update(block).digest();
};

/** Blocks a call; from CPU time, so that who else uses the core does not count, and the quickest of some tries. */
function calibrate(): number {
  const BLOCKS = 200;
  const costMs = () => {
    const before = process.threadCpuUsage();
    work(BLOCKS);
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1_000;
  };
  return Math.max(1, Math.round((BLOCKS * workMs) / Math.min(...Array.from({ length: 12 }, costMs))));
}

const blocks = calibrate();
const handle = () => work(blocks);

async function serveMesh(): Promise<{ port: number; shed: () => Promise<number> }> {
  const served = serve(EchoService, {
    ...echoService(),
    echo({ text }) {
      handle();
      return { text };
    },
  });
  const mesh = await startMesh({ services: [{ name: "echo", served: [served] }] });
  const { registration, deps } = mesh.replicas("echo")[0]!;
  return {
    port: registration.port,
    async shed() {
      const series = await deps.metrics.getSingleMetric("mesh_shed_total")?.get();
      return series?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
    },
  };
}

async function serveStock(): Promise<{ port: number; shed: () => Promise<number> }> {
  const server = new grpc.Server();
  const { echo } = EchoService.method;
  server.addService(
    {
      Echo: {
        path: `/${EchoService.typeName}/${echo.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (message: EchoRequest) => Buffer.from(toBinary(EchoRequestSchema, message)),
        requestDeserialize: (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes),
        responseSerialize: (text: string) =>
          Buffer.from(toBinary(EchoResponseSchema, create(EchoResponseSchema, { text }))),
        responseDeserialize: (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes).text,
      },
    },
    {
      Echo: ({ request }: { request: EchoRequest }, answer: grpc.sendUnaryData<string>) => {
        handle();
        answer(null, request.text);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, shed: async () => 0 };
}

const { port, shed } = await (kind === "mesh" ? serveMesh() : serveStock());
process.on("message", async () => {
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1_000;
  process.send?.({ shed: await shed(), cpuMs } satisfies ServerCounts);
});
process.send?.(port);
