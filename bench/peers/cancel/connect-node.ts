import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { serveUsage } from "../gateway/serve-usage.ts";

/** connect-node in front of the same service, which it tells when a caller leaves. */
const baseUrl = `http://127.0.0.1:${process.argv[2]}`;
const echo = createClient(EchoService, createGrpcTransport({ baseUrl }));
const adapter = connectNodeAdapter({
  routes: (router) =>
    router.service(EchoService, {
      echo: (request, { signal }) => echo.echo(request, { signal }),
      echoStream: (request, { signal }) => echo.echoStream(request, { signal }),
    }),
});

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

serveUsage({
  http1: await listen(http.createServer(adapter)),
  http2: await listen(http2.createServer(adapter)),
});
