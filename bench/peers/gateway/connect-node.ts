import http from "node:http";
import type { AddressInfo } from "node:net";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { SEGMENT_BYTES } from "./messages.ts";
import { serveUsage } from "./serve-usage.ts";

/** connect-node serving the same schema: it decodes, calls the service, and encodes; media is what is no call. */
const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${process.argv[2]}` });
const catalog = createClient(CatalogService, transport);
const media = createClient(MediaService, transport);
const server = http.createServer(
  connectNodeAdapter({
    routes: (router) =>
      router.service(CatalogService, {
        batchGetTracks: (request, { signal }) => catalog.batchGetTracks(request, { signal }),
        listTracks: (request, { signal }) => catalog.listTracks(request, { signal }),
        exportTracks: (request, { signal }) => catalog.exportTracks(request, { signal }),
      }),
    async fallback(_request, response) {
      response.writeHead(200, { "content-type": "audio/mp4", "content-length": SEGMENT_BYTES });
      for await (const { chunk } of media.readObject({ objectId: "cov_bench" })) response.write(chunk);
      response.end();
    },
  }),
);
server.listen(0, "127.0.0.1", () => serveUsage((server.address() as AddressInfo).port));
