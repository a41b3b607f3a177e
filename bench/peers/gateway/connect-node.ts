import http from "node:http";
import type { AddressInfo } from "node:net";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { serveUsage } from "./serve-usage.ts";

/** connect-node serving the same schema: it decodes, calls the service, and encodes. */
const catalog = createClient(
  CatalogService,
  createGrpcTransport({ baseUrl: `http://127.0.0.1:${process.argv[2]}` }),
);
const server = http.createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(CatalogService, {
        batchGetTracks: (request, { signal }) => catalog.batchGetTracks(request, { signal }),
        listTracks: (request, { signal }) => catalog.listTracks(request, { signal }),
        exportTracks: (request, { signal }) => catalog.exportTracks(request, { signal }),
      }),
  }),
);
server.listen(0, "127.0.0.1", () => serveUsage((server.address() as AddressInfo).port));
