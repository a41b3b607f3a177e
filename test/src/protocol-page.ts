/// <reference lib="dom" />
import {
  CatalogErrorDetailSchema,
  CatalogErrorReason,
  CatalogService,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

/** How a page calls. */
export interface Way {
  readonly baseUrl: string;
  readonly protocol: "connect" | "grpc-web";
  readonly useBinaryFormat: boolean;
}

/** What a page saw; runs in a browser. */
export interface ProtocolPage {
  signIn(baseUrl: string): Promise<void>;
  /** A call, a failure and a stream, each with its trailer. */
  call(way: Way, trackId: string): Promise<Record<string, unknown>>;
  /** The same GET, as often as told, with this mode of the browser's cache. */
  get(way: Way, trackId: string, cache: RequestCache): Promise<string | undefined>;
}

/** Methods without side effects go by GET. */
function transportOf(
  { baseUrl, protocol, useBinaryFormat }: Way,
  cache: RequestCache = "default",
  get = false,
) {
  const options = {
    baseUrl,
    useBinaryFormat,
    fetch: (input: RequestInfo | URL, init?: RequestInit) =>
      fetch(input, { ...init, cache, credentials: "include" }),
  };
  return protocol === "connect"
    ? createConnectTransport({ ...options, useHttpGet: get })
    : createGrpcWebTransport(options);
}

const page: ProtocolPage = {
  async signIn(baseUrl) {
    const transport = transportOf({ baseUrl, protocol: "connect", useBinaryFormat: true });
    const credentials = { email: "ann@example.org", password: "correct horse battery" };
    await createClient(IdentityService, transport).signIn(credentials);
  },

  async call(way, trackId) {
    const transport = transportOf(way);
    const catalog = createClient(CatalogService, transport);
    const trailers: (string | null)[] = [];
    const onTrailer = (trailer: Headers) => trailers.push(trailer.get("x-request-id"));
    const { track } = await catalog.getTrack({ trackId }, { onTrailer });
    const failure = await catalog.getTrack({ trackId: trackId.replace(/.$/, "x") }).catch(ConnectError.from);
    const details = failure instanceof ConnectError ? failure.findDetails(CatalogErrorDetailSchema) : [];
    const versions: string[] = [];
    const watching = createClient(RecommendationService, transport).watchRecommendations({}, { onTrailer });
    for await (const { version } of watching) versions.push(String(version));
    return {
      title: track?.title,
      code: failure instanceof ConnectError ? Code[failure.code] : undefined,
      reasons: details.map(({ reason }) => CatalogErrorReason[reason]),
      versions,
      trailers,
    };
  },

  async get(way, trackId, cache) {
    const { track } = await createClient(CatalogService, transportOf(way, cache, true)).getTrack({ trackId });
    return track?.title;
  },
};

Object.assign(globalThis, { page });
