import { type ListenerIdentity, runInScope } from "@antiphon/mesh";
import type { ConnectError } from "@connectrpc/connect";
import { parseTimeout } from "@connectrpc/connect/protocol-connect";
import type { Route } from "../contracts/routes.ts";
import { isMethod } from "../forward.ts";
import type { NodeRequest, NodeResponse } from "../front.ts";
import { headerView } from "../header-view.ts";
import { sessionKeeper } from "../session/session-messages.ts";
import type { RequestTarget } from "../target.ts";
import { dialectsOf } from "./dialect.ts";
import { passEnveloped } from "./enveloped.ts";
import { Exchange } from "./exchange.ts";
import { headerOf, type PassDeps, type Passing } from "./passing.ts";
import { passUnary } from "./unary.ts";

/** Answers a request of this route without decoding its messages; undefined where they must be. */
export type PassThrough = (
  request: NodeRequest,
  response: NodeResponse,
  url: RequestTarget,
) => Promise<void> | undefined;

/**
 * The calls that can pass through, by path. Those that carry tokens cannot: they are taken out of what
 * browsers get.
 */
export function passingCalls(routes: readonly Route[], deps: PassDeps): ReadonlyMap<string, PassThrough> {
  const calls = new Map<string, PassThrough>();
  for (const route of routes) {
    const pass = sessionKeeper(route.method, false) ? undefined : passThrough(route, deps);
    if (pass) calls.set(`/${route.method.parent.typeName}/${route.method.name}`, pass);
  }
  return calls;
}

/**
 * The way of calls whose messages are binary on both sides: what a browser sent reaches the service as
 * it is, and the other way round. Undefined for methods with client streams, which need translation.
 */
function passThrough(route: Route, deps: PassDeps): PassThrough | undefined {
  const { method } = route;
  const isUnary = isMethod(method, "unary");
  if (!isUnary && !isMethod(method, "server_streaming")) return undefined;
  const transport = deps.transport(route.service);
  const dialects = dialectsOf(method, deps.contracts);

  const open = (exchange: Exchange, url: RequestTarget, timeoutError: ConnectError | undefined): Passing => {
    const { request, response } = exchange;
    let listener: ListenerIdentity | undefined;
    return {
      method,
      transport,
      async admit() {
        const setCookies: string[] = [];
        try {
          const asking = {
            header: headerView(request),
            address: deps.addressOf(request),
            host: url.host,
            isGet: false,
            response,
          };
          listener = await deps.admission.admit(route, asking, setCookies);
        } finally {
          if (setCookies.length > 0) response.setHeader("set-cookie", setCookies);
        }
        if (timeoutError) throw timeoutError;
      },
      listenersName: (call) => (listener ? runInScope({ listener }, call) : call()),
      passHeader(header) {
        for (const [name, value] of header) {
          if (deps.metadata.toBrowser.has(name)) response.appendHeader(name, value);
        }
      },
    };
  };

  return (request, response, url) => {
    if (request.method !== "POST") return undefined;
    const type = request.headers["content-type"] ?? "";
    const dialect = dialects.get(type);
    if (!dialect && !(isUnary && type === "application/proto")) return undefined;
    const parse = dialect?.parseTimeout ?? parseTimeout;
    const timeout = parse(headerOf(request, dialect?.timeoutHeader ?? "connect-timeout-ms"), MAX_TIMEOUT_MS);
    const exchange = new Exchange(
      request,
      response,
      timeout.error ? undefined : timeout.timeoutMs,
      isUnary ? undefined : deps.signal,
    );
    const passing = open(exchange, url, timeout.error);
    return dialect
      ? passEnveloped(passing, exchange, type, dialect, deps)
      : passUnary(passing, method as Parameters<typeof passUnary>[1], exchange, deps);
  };
}

/** The edge has brought timeouts below it already. */
const MAX_TIMEOUT_MS = Number.MAX_SAFE_INTEGER;
