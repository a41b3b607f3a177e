import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { create, createRegistry } from "@bufbuild/protobuf";
import { compressionBrotli, compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { HTTPVersion } from "../gen/connectrpc/conformance/v1/config_pb.js";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/server_compat_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { conformanceService } from "./conformance-service.ts";
import { readMessage, writeMessage } from "./sized-messages.ts";

/** The baseline: connect-node serving the same service itself. */
const order = await readMessage(ServerCompatRequestSchema);
const adapter = connectNodeAdapter({
  jsonOptions: { registry: createRegistry(ConformanceService.file) },
  routes: (router) => router.service(ConformanceService, conformanceService),
  acceptCompression: [compressionGzip, compressionBrotli],
  ...(order.messageReceiveLimit ? { readMaxBytes: order.messageReceiveLimit } : {}),
});
const creds = order.useTls ? order.serverCreds : undefined;
const tls = creds && { cert: Buffer.from(creds.cert), key: Buffer.from(creds.key) };

function serverFor(version: HTTPVersion): http.Server | http2.Http2Server {
  if (version === HTTPVersion.HTTP_VERSION_1) {
    return tls ? https.createServer(tls, adapter) : http.createServer(adapter);
  }
  return tls ? http2.createSecureServer(tls, adapter) : http2.createServer(adapter);
}

const server = serverFor(order.httpVersion);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  const answer = { host: "127.0.0.1", port, ...(creds ? { pemCert: creds.cert } : {}) };
  writeMessage(ServerCompatResponseSchema, create(ServerCompatResponseSchema, answer));
});
process.once("SIGTERM", () => process.exit(0));
