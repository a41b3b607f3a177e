import { Code, ConnectError, type ContextValues, createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { addressKey } from "./address.ts";
import type { Admission } from "./admission.ts";
import { bodyOf, dropRest } from "./body.ts";
import { breakerPage, isNavigation } from "./breaker-page.ts";
import { admittedKey } from "./calls.ts";
import { answerFrom, type CachePolicy, cacheKey, cachePolicyOf, keep, varyOf } from "./connect-get.ts";
import type { Route } from "./contracts/routes.ts";
import { responseKey } from "./failures.ts";
import type { NodeRequest, NodeResponse } from "./front.ts";
import type { GetCache } from "./get-cache.ts";
import { headerView } from "./header-view.ts";
import type { RequestTarget } from "./target.ts";

const UNAVAILABLE = 503;

export interface TranslatedDeps {
  readonly admission: Admission;
  readonly addressOf: (request: NodeRequest) => string;
  readonly getCache: GetCache;
  readonly monotonic: () => number;
}

/** Answers a request of a call by translating it. */
export type Translated = (
  request: NodeRequest,
  response: NodeResponse,
  target: RequestTarget,
) => Promise<void>;

/** The way of requests that need translation; a GET whose answer may be kept is answered from the cache. */
export function translated(translate: UniversalHandler, route: Route, deps: TranslatedDeps): Translated {
  const { methodKind } = translate.method;
  const oneMessage = methodKind === "unary" || methodKind === "server_streaming";
  const policy = cachePolicyOf(route);
  return async (request, response, target) => {
    const values = createContextValues().set(addressKey, deps.addressOf(request)).set(responseKey, response);
    try {
      const universal = universalRequestFromNodeRequest(request, response, undefined, values);
      const asked = { ...universal, body: bodyOf(request, oneMessage) };
      const cached = policy && request.method === "GET";
      const answer = await (cached
        ? fromCache(asked, values, policy, request, response, target)
        : translate(asked));
      // A connection that closes with bytes unread takes the answer with it.
      if (oneMessage && answer.status >= 400) await dropRest(request);
      if (answer.status === UNAVAILABLE && isNavigation(request)) breakerPage(response);
      else await universalResponseToNodeResponse(answer, response);
    } catch (error) {
      // Aborted: the browser went away, and nobody is left to be told.
      if (ConnectError.from(error).code !== Code.Aborted) throw error;
    }
  };

  async function fromCache(
    asked: UniversalServerRequest,
    values: ContextValues,
    policy: CachePolicy,
    request: NodeRequest,
    response: NodeResponse,
    target: RequestTarget,
  ): Promise<UniversalServerResponse> {
    response.appendHeader("vary", varyOf(policy));
    const { admission, getCache, monotonic } = deps;
    const setCookies: string[] = [];
    const asking = {
      header: headerView(request),
      address: values.get(addressKey),
      host: target.host,
      isGet: true,
      response,
    };
    const admitted = admission.admit(route, asking, setCookies);
    const refused = await admitted.then(
      () => false,
      () => true,
    );
    if (setCookies.length > 0) response.setHeader("set-cookie", setCookies);
    values.set(admittedKey, admitted);
    // The call itself tells it, in its own protocol.
    if (refused) return translate(asked);
    const listener = policy.isPublic ? undefined : await admitted;
    const make = async () => {
      // Others may wait for it: neither the first one's leaving nor its haste shall end it.
      const header = new Headers(asked.header);
      header.delete("connect-timeout-ms");
      const { signal } = new AbortController();
      values.set(admittedKey, Promise.resolve(listener));
      return keep(await translate({ ...asked, header, signal }), policy, monotonic());
    };
    const answer = await getCache.answer(cacheKey(request, target, listener), policy.maxAgeMs, make);
    return answerFrom(answer, request.headers["if-none-match"], monotonic());
  }
}
