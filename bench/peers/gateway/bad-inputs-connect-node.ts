import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Target } from "../../../gateway/testing/bad-input.ts";

/** connect-node with its defaults, serving the same calls by itself. */
const adapter = connectNodeAdapter({
  routes: (router) => {
    router.service(CatalogService, { getTrack: ({ trackId }) => ({ track: { id: trackId, title: "Ode" } }) });
    router.service(IdentityService, { signIn: () => ({}) });
    router.service(RecommendationService, {
      async *watchRecommendations() {
        yield { version: 1n };
      },
    });
  },
});

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const target: Target = {
  http1: await listen(http.createServer(adapter)),
  http2: await listen(http2.createServer(adapter)),
  token: "",
};
process.send?.(target);
