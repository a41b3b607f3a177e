import { readFileSync } from "node:fs";
import type { Edge, EdgeDeps } from "@antiphon/mesh";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { addressOf } from "./address.ts";
import { admission } from "./admission.ts";
import { callTable } from "./call-table.ts";
import { MAX_MESSAGE_BYTES } from "./calls.ts";
import type { GatewayConfig } from "./config.ts";
import { builtOffers } from "./contracts/offer.ts";
import { readContracts } from "./contracts/routes.ts";
import { callsOf, edgeHandler } from "./edge.ts";
import { type NodeRequest, openFront, type TlsIdentity } from "./front.ts";
import { getCache } from "./get-cache.ts";
import { GUESS_RATE, guesses } from "./limits/guesses.ts";
import { loadShedder } from "./limits/load-shedder.ts";
import { natsBus } from "./limits/nats-bus.ts";
import { defaultRates, rateLimits } from "./limits/rate-limits.ts";
import { sharedCounts } from "./limits/shared-counts.ts";
import { mediaRoute } from "./media.ts";
import { strictMetadata } from "./metadata.ts";
import { objectCache } from "./object-cache.ts";
import { accessTokens } from "./session/access-tokens.ts";
import { cors } from "./session/cors.ts";
import { gatewaySessions } from "./session/sessions.ts";
import { edgeTelemetry } from "./telemetry.ts";
import { webApp } from "./web-app.ts";

/** What answers to GETs may take in memory. */
const GET_CACHE_BYTES = 16 * 1024 * 1024;

/** Wires the edge and opens it. */
export async function buildEdge(deps: EdgeDeps, config: GatewayConfig): Promise<Edge> {
  const identity = deps.client(IdentityService);
  const publicOrigin = config.publicUrl && new URL(config.publicUrl).origin;
  const allowedOrigins = new Set(config.allowedOrigins);
  const secureCookies = publicOrigin?.startsWith("https:") ?? config.tlsCert !== undefined;
  const tokens = accessTokens({
    fetchJwks: async () => (await identity.getJwks({})).jwksJson,
    monotonic: deps.clock.monotonic,
  });
  const counts = sharedCounts({ bus: natsBus(deps.nats()), self: deps.instanceId });
  deps.onStop("shared counts", counts.close);
  const calls = {
    admission: admission({
      sessions: gatewaySessions({ identity, tokens, secureCookies }),
      limits: rateLimits(deps.clock.monotonic, defaultRates, counts),
      shedder: loadShedder(deps.guard),
      ownOrigins: publicOrigin === undefined ? allowedOrigins : new Set([publicOrigin, ...allowedOrigins]),
    }),
    guesses: guesses(deps.clock.monotonic, GUESS_RATE, counts),
    addressOf: (request: NodeRequest) => addressOf(request, config.behindProxy),
    transport: (service: string) => deps.transport(`consul:///${service}`),
    metadata: strictMetadata,
    getCache: getCache({ maxBytes: GET_CACHE_BYTES, metrics: deps.metrics }),
    monotonic: deps.clock.monotonic,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    untimedMs: undefined,
    signal: deps.signal,
  };
  const table = callTable({
    built: builtOffers(readContracts()),
    compile: ({ contracts, routes }) => callsOf({ ...calls, contracts, routes, secureCookies }),
    metrics: deps.metrics,
    log: deps.log,
  });
  const following = deps.contracts(table.offer);
  deps.onStop("contracts", following.close);
  // A call of a service that it was not built with must not be refused because it has just started.
  deps.readiness("contracts", () => {
    if (!following.isCaughtUp) throw new Error("has not learnt the contracts of all services yet");
  });
  const owners = config.mediaServices
    .split(",")
    .map((service) => [service, deps.client(MediaService, { target: `consul:///${service}` })] as const);
  const cache = objectCache({ maxBytes: config.mediaCacheBytes, metrics: deps.metrics });
  const media = mediaRoute({
    owners: new Map(owners),
    cache,
    mediaKey: config.mediaKey,
    now: deps.clock.now,
  });
  const handler = edgeHandler({
    calls: table,
    cors: cors(allowedOrigins),
    media,
    page: config.webDir === undefined ? undefined : webApp(config.webDir),
    telemetry: edgeTelemetry({ metrics: deps.metrics, log: deps.log, monotonic: deps.clock.monotonic }),
  });
  const { host, port } = config.mesh;
  return openFront(handler, { host, port, tls: tlsIdentity(config), takesStream: table.takesStream });
}

function tlsIdentity({ tlsCert, tlsKey }: GatewayConfig): TlsIdentity | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined) throw new Error("ANTIPHON_TLS_CERT: is needed beside ANTIPHON_TLS_KEY");
  if (tlsKey === undefined) throw new Error("ANTIPHON_TLS_KEY: is needed beside ANTIPHON_TLS_CERT");
  return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
}
