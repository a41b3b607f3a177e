import { type ListenerIdentity, runInScope } from "@antiphon/mesh";
import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  FileRegistry,
  Message,
} from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  type HandlerContext,
  type Transport,
} from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { forwardResponseMetadata, requestMetadata } from "./metadata.ts";
import type { Route } from "./routes.ts";
import { isCrossSite } from "./session/cross-site.ts";
import { keepsTokensInCookies, type SessionKeeper, sessionKeeper } from "./session/session-messages.ts";
import type { Sessions } from "./session/sessions.ts";

/** The largest message a browser may send. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

interface Deps {
  readonly contracts: FileRegistry;
  readonly routes: readonly Route[];
  readonly sessions: Sessions;
  /** The mesh's transport to a service, by its name in Consul. */
  readonly transport: (service: string) => Transport;
  readonly secureCookies: boolean;
  readonly publicOrigin: string | undefined;
  /** Aborts when the gateway drains: open streams end as `unavailable`. */
  readonly signal: AbortSignal;
}

const listenerKey = createContextKey<ListenerIdentity | undefined>(undefined);

/**
 * Serves Connect and gRPC-Web for every route and forwards to the mesh. Built from descriptors:
 * there is no code per service.
 */
export function callRouter(deps: Deps): ConnectRouter {
  const router = createConnectRouter({
    connect: true,
    grpcWeb: true,
    grpc: false,
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: MAX_MESSAGE_BYTES,
    jsonOptions: { registry: deps.contracts },
    shutdownSignal: deps.signal,
  });
  for (const route of deps.routes) addRoute(router, route, deps);
  return router;
}

function addRoute(router: ConnectRouter, route: Route, deps: Deps): void {
  const { method } = route;
  const protocols = { connect: true, grpcWeb: true, grpc: false };
  const options = { ...protocols, requestGate: (context: HandlerContext) => admit(context, route, deps) };
  // Client and bidi streams need HTTP/2 end to end, which browsers do not offer.
  if (isUnary(method)) router.rpc(method, unaryCall(method, route, deps), options);
  else if (isServerStreaming(method)) router.rpc(method, streamCall(method, route, deps), options);
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}

/** Runs before the body is read: who calls, and may they? */
async function admit(context: HandlerContext, { method, semantics }: Route, deps: Deps): Promise<void> {
  const header = context.requestHeader;
  const crossSite = isCrossSite(header, new URL(context.url).host, deps.publicOrigin);
  if (crossSite && context.requestMethod !== "GET") {
    throw new ConnectError("calls from another site's page are not allowed", Code.PermissionDenied);
  }
  if (semantics.access === Access.PUBLIC && !header.has("cookie") && !header.has("authorization")) return;
  const setCookies: string[] = [];
  // A page of another site may load a GET, but not in the listener's name.
  const listener = crossSite ? undefined : await deps.sessions.authenticate(header, setCookies);
  addCookies(context, setCookies);
  if (!listener && semantics.access !== Access.PUBLIC) {
    throw new ConnectError("sign in to do this", Code.Unauthenticated);
  }
  if (semantics.access === Access.OPERATOR && !listener?.operator) {
    throw new ConnectError(`${method.name} is for operators`, Code.PermissionDenied);
  }
  context.values.set(listenerKey, listener);
}

function unaryCall(method: DescMethodUnary, route: Route, deps: Deps) {
  const transport = deps.transport(route.service);
  const keeper = sessionKeeper(method, deps.secureCookies);
  const maxAgeS = cacheMaxAgeS(route);
  return (request: Message, context: HandlerContext): Promise<Message> =>
    inListenersName(context, async () => {
      const header = context.requestHeader;
      keeper?.fillRequest(request, header);
      const answer = await transport.unary<DescMessage, DescMessage>(
        method,
        context.signal,
        context.timeoutMs(),
        requestMetadata(header),
        request,
      );
      forwardResponseMetadata(answer.header, context.responseHeader);
      keepTokens(keeper, answer.message, context);
      if (maxAgeS !== undefined && context.requestMethod === "GET") {
        context.responseHeader.set("cache-control", `public, max-age=${maxAgeS}`);
        context.responseHeader.set("vary", "accept-encoding");
      }
      return answer.message;
    });
}

function streamCall(method: DescMethodServerStreaming, route: Route, deps: Deps) {
  const transport = deps.transport(route.service);
  return async function* forward(request: Message, context: HandlerContext): AsyncGenerator<Message> {
    const answer = await inListenersName(context, () =>
      transport.stream<DescMessage, DescMessage>(
        method,
        context.signal,
        context.timeoutMs(),
        requestMetadata(context.requestHeader),
        once(request),
      ),
    );
    forwardResponseMetadata(answer.header, context.responseHeader);
    yield* answer.message;
  };
}

function inListenersName<T>(context: HandlerContext, call: () => Promise<T>): Promise<T> {
  return runInScope({ listener: context.values.get(listenerKey) }, call);
}

function keepTokens(keeper: SessionKeeper | undefined, answer: Message, context: HandlerContext): void {
  if (!keeper || !keepsTokensInCookies(context.requestHeader)) return;
  const setCookies: string[] = [];
  keeper.moveSession(answer, setCookies);
  addCookies(context, setCookies);
}

function addCookies(context: HandlerContext, setCookies: readonly string[]): void {
  for (const cookie of setCookies) context.responseHeader.append("set-cookie", cookie);
}

/** Only what is the same for everybody may be cached. */
function cacheMaxAgeS({ semantics }: Route): number | undefined {
  if (semantics.access !== Access.PUBLIC || !semantics.cacheMaxAge) return undefined;
  return Math.floor(durationMs(semantics.cacheMaxAge) / 1000);
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
