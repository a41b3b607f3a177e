import { type ListenerIdentity, LoadGuard, type Logger, systemClock } from "@antiphon/mesh";
import {
  CatalogErrorDetailSchema,
  CatalogErrorReason,
  CatalogService,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { MethodSemanticsSchema } from "@antiphon/proto/antiphon/options/v1/options";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from "@connectrpc/connect";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { pino } from "pino";
import { Registry } from "prom-client";
import { addressOf } from "../src/address.ts";
import { type Admission, admission } from "../src/admission.ts";
import { MAX_MESSAGE_BYTES } from "../src/calls.ts";
import { builtOffers } from "../src/contracts/offer.ts";
import { type Route, readContracts } from "../src/contracts/routes.ts";
import { callsOf, edgeHandler } from "../src/edge.ts";
import {
  defaultLimits,
  type Front,
  type FrontLimits,
  type NodeHandler,
  type NodeRequest,
  openFront,
} from "../src/front.ts";
import { getCache } from "../src/get-cache.ts";
import { guesses } from "../src/limits/guesses.ts";
import { loadShedder } from "../src/limits/load-shedder.ts";
import { rateLimits } from "../src/limits/rate-limits.ts";
import { mediaRoute } from "../src/media.ts";
import { strictMetadata } from "../src/metadata.ts";
import { objectCache } from "../src/object-cache.ts";
import { accessTokens } from "../src/session/access-tokens.ts";
import { cors } from "../src/session/cors.ts";
import { gatewaySessions } from "../src/session/sessions.ts";
import { edgeTelemetry } from "../src/telemetry.ts";
import { bytesOver } from "./bytes-over.ts";

export const MEDIA_KEY = "a media key for tests, long enough to be one";
/** Of a page that may call as ours does. */
export const ALLOWED_ORIGIN = "https://app.music.example";
export const TRACK_ID = "trk_00000000000000000001";
export const OBJECT = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));

/** A gateway on a real port, before services that live in memory. */
export interface TestEdge {
  readonly front: Front;
  readonly url: string;
  /** The metadata that reached the services, last first. */
  readonly seen: Headers[];
  /** How often identity was asked for new keys, and to refresh; the owner of objects for what it knows, and to read. */
  readonly asked: { jwks: number; refresh: number; stat: number; read: number };
  token(listener: ListenerIdentity, expiresInS?: number): Promise<string>;
}

const contracts = readContracts();

export async function startEdge(
  overrides: {
    identity?: Partial<ServiceImpl<typeof IdentityService>>;
    /** Methods whose answers may be kept for a minute, whatever their contract says. */
    readonly cached?: readonly string[];
    /** Origins of pages that may call as ours does, and the page that is ours. */
    readonly origins?: readonly string[];
    readonly page?: NodeHandler;
    /** Default: what admits in production, with these limits and sessions. */
    readonly admission?: Admission;
    log?: Logger;
    metrics?: Registry;
    limits?: FrontLimits;
    /** Default: one that refuses nothing. */
    readonly guard?: LoadGuard;
  } = {},
): Promise<TestEdge> {
  const keys = await generateKeyPair("ES256");
  const jwk: JWK = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256", use: "sig" };
  const seen: Headers[] = [];
  const origins = new Set(overrides.origins ?? [ALLOWED_ORIGIN]);
  const asked = { jwks: 0, refresh: 0, stat: 0, read: 0 };
  const token = (listener: ListenerIdentity, expiresInS = 600) =>
    new SignJWT({ role: listener.operator ? "operator" : "listener" })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject(listener.id)
      .setIssuer("antiphon")
      .setAudience("antiphon")
      .setIssuedAt(Math.floor(Date.now() / 1000) - 1000)
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
      .sign(keys.privateKey);

  const session = async (id: string) => ({
    accessToken: await token({ id, operator: false }),
    accessExpiresAt: timestampFromMs(Date.now() + 600_000),
    refreshToken: "next-refresh-token",
    refreshExpiresAt: timestampFromMs(Date.now() + 86_400_000),
  });
  const services = createRouterTransport(({ service }) => {
    service(IdentityService, {
      getJwks: () => {
        asked.jwks++;
        return { jwksJson: JSON.stringify({ keys: [jwk] }) };
      },
      signIn: async () => ({ listener: { id: "lst_signed_in" }, session: await session("lst_signed_in") }),
      refresh: async ({ refreshToken }) => {
        asked.refresh++;
        if (refreshToken !== "good-refresh-token")
          throw new ConnectError("the session ended", Code.Unauthenticated);
        return { session: await session("lst_refreshed") };
      },
      getMe: (_request, context) => {
        seen.unshift(context.requestHeader);
        return { listener: { id: "me" } };
      },
      ...overrides.identity,
    });
    service(CatalogService, {
      getTrack: ({ trackId }, context) => {
        seen.unshift(context.requestHeader);
        context.responseTrailer.set("x-request-id", "a trailer");
        if (trackId === TRACK_ID) return { track: { id: trackId, title: "Ode" } };
        throw new ConnectError(`track ${trackId} is not in the catalog`, Code.NotFound, undefined, [
          {
            desc: CatalogErrorDetailSchema,
            value: { reason: CatalogErrorReason.TRACK_NOT_FOUND, subject: trackId },
          },
        ]);
      },
    });
    service(RecommendationService, {
      async *watchRecommendations(_request, context) {
        context.responseTrailer.set("x-request-id", "a trailer");
        for (const version of [1n, 2n, 3n]) yield { version };
      },
    });
    service(MediaService, {
      statObject: ({ objectId }) => {
        asked.stat++;
        if (objectId === "gone") throw new ConnectError("no such object", Code.NotFound);
        return {
          sizeBytes: BigInt(OBJECT.length),
          contentType: "audio/mp4",
          etag: objectId,
          public: objectId.startsWith("cov_"),
        };
      },
      async *readObject({ offset, length }) {
        asked.read++;
        const start = Number(offset);
        const end = length === 0n ? OBJECT.length : start + Number(length);
        for (let at = start; at < end; at += 100)
          yield { chunk: OBJECT.subarray(at, Math.min(at + 100, end)) };
      },
    });
  });

  const identity = createClient(IdentityService, services);
  const monotonic = () => performance.now();
  const sessions = gatewaySessions({
    identity,
    tokens: accessTokens({ fetchJwks: async () => (await identity.getJwks({})).jwksJson, monotonic }),
    secureCookies: false,
  });
  const routes = builtOffers(contracts)
    .flatMap((offer) => offer.routes)
    .map((route) => (overrides.cached?.includes(route.method.name) ? keptForAMinute(route) : route));
  const calls = {
    contracts,
    admission:
      overrides.admission ??
      admission({
        sessions,
        limits: rateLimits(monotonic),
        shedder: loadShedder(overrides.guard ?? unguarded()),
        ownOrigins: origins,
      }),
    guesses: guesses(monotonic),
    addressOf: (request: NodeRequest) => addressOf(request, false),
    transport: () => ({ ...services, ...bytesOver(services) }),
    metadata: strictMetadata,
    getCache: getCache({ maxBytes: 1_048_576, metrics: new Registry() }),
    monotonic,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    untimedMs: undefined,
    signal: new AbortController().signal,
  };
  const handler = edgeHandler({
    calls: callsOf({ ...calls, routes, secureCookies: false }),
    cors: cors(origins),
    media: mediaRoute({
      owners: new Map([["player", createClient(MediaService, services)]]),
      cache: objectCache({ maxBytes: 1_048_576, metrics: new Registry() }),
      mediaKey: MEDIA_KEY,
      now: Date.now,
    }),
    page: overrides.page,
    telemetry: edgeTelemetry({
      metrics: overrides.metrics ?? new Registry(),
      log: overrides.log ?? pino({ level: "silent" }),
      monotonic,
    }),
  });
  const front = await openFront(handler, {
    host: "127.0.0.1",
    port: 0,
    limits: overrides.limits ?? defaultLimits,
  });
  return { front, url: `http://127.0.0.1:${front.port}`, seen, asked, token };
}

function unguarded(): LoadGuard {
  const parts = { log: pino({ level: "silent" }), metrics: new Registry(), clock: systemClock };
  return new LoadGuard(parts, { shed: false });
}

function keptForAMinute(route: Route): Route {
  const semantics = create(MethodSemanticsSchema, {
    ...route.semantics,
    cacheMaxAge: durationFromMs(60_000),
  });
  return { ...route, semantics };
}

export async function stopEdge({ front }: TestEdge): Promise<void> {
  front.close();
  await front.drain();
}
