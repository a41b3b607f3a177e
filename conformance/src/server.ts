import { serve } from "@antiphon/mesh";
import { startMesh } from "@antiphon/mesh/testing";
import { Access, MethodSemanticsSchema } from "@antiphon/proto/antiphon/options/v1/options";
import { create, createRegistry } from "@bufbuild/protobuf";
import { pino } from "pino";
import { MAX_MESSAGE_BYTES } from "../../gateway/src/calls.ts";
import { callsOf, edgeHandler } from "../../gateway/src/edge.ts";
import { openFront } from "../../gateway/src/front.ts";
import { getCache } from "../../gateway/src/get-cache.ts";
import type { MetadataPolicy } from "../../gateway/src/metadata.ts";
import { cors } from "../../gateway/src/session/cors.ts";
import { edgeTelemetry } from "../../gateway/src/telemetry.ts";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/server_compat_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { conformanceService } from "./conformance-service.ts";
import { readMessage, writeMessage } from "./sized-messages.ts";

/**
 * The gateway as a server under test of the official suite, before a ConformanceService on the mesh.
 * What the suite needs to see is switched: metadata passes, nobody has to sign in, no default timeout.
 */
const order = await readMessage(ServerCompatRequestSchema);
const mesh = await startMesh({
  services: [{ name: "conformance", served: [serve(ConformanceService, conformanceService)] }],
});
const deps = mesh.deps("gateway");

const passing = { has: (name: string) => name.startsWith("x-") };
const metadata: MetadataPolicy = { toService: passing, toBrowser: passing };
const semantics = create(MethodSemanticsSchema, { access: Access.PUBLIC });
const routes = ConformanceService.methods.map((method) => ({ method, semantics, service: "conformance" }));
const calls = {
  contracts: createRegistry(ConformanceService.file),
  admission: { admit: async () => undefined },
  guesses: { check() {}, wrong() {} },
  addressOf: () => "",
  transport: (service: string) => deps.transport(`consul:///${service}`),
  metadata,
  getCache: getCache({ maxBytes: 1_048_576, metrics: deps.metrics }),
  monotonic: deps.clock.monotonic,
  maxMessageBytes: order.messageReceiveLimit || MAX_MESSAGE_BYTES,
  untimedMs: Number.POSITIVE_INFINITY,
  signal: deps.signal,
};
const handler = edgeHandler({
  calls: callsOf({ ...calls, routes, secureCookies: false }),
  cors: cors(new Set()),
  media: (_request, response) => void response.end(),
  page: undefined,
  telemetry: edgeTelemetry({
    metrics: deps.metrics,
    log: pino({ level: "silent" }),
    monotonic: deps.clock.monotonic,
  }),
});
const tls = order.useTls && order.serverCreds ? order.serverCreds : undefined;
const front = await openFront(handler, {
  host: "127.0.0.1",
  port: 0,
  tls: tls && { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) },
});
writeMessage(
  ServerCompatResponseSchema,
  create(ServerCompatResponseSchema, {
    host: "127.0.0.1",
    port: front.port,
    ...(tls ? { pemCert: tls.cert } : {}),
  }),
);
process.once("SIGTERM", () => process.exit(0));
