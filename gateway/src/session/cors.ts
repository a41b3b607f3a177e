import { cors as connectCors } from "@connectrpc/connect";
import type { NodeRequest, NodeResponse } from "../front.ts";

/** Pages of other origins that may call as our own does. */
export interface Cors {
  /**
   * Tells a browser whether the page may see the answer (fetch.spec.whatwg.org, 3.2). True where that was
   * all it asked: the response has ended.
   */
  answers(request: NodeRequest, response: NodeResponse): boolean;
}

/** How long browsers remember what a preflight said; Chromium's own limit. */
const PREFLIGHT_MAX_AGE_S = 7200;

const METHODS = connectCors.allowedMethods.join(", ");
const MAY_SEND = [...connectCors.allowedHeaders, "Authorization", "X-Request-Id", "If-None-Match"].join(", ");
const MAY_SEE = [
  ...connectCors.exposedHeaders,
  "Retry-After",
  "X-Request-Id",
  "Trailer-Retry-After",
  "Trailer-X-Request-Id",
  "ETag",
  "Age",
].join(", ");

/** Without origins nothing is told, and browsers keep pages of other origins out by themselves. */
export function cors(origins: ReadonlySet<string>): Cors {
  return {
    answers(request, response) {
      if (origins.size === 0) return false;
      // Whoever keeps the answer must not give it to a page of another origin.
      response.appendHeader("vary", "origin");
      const { origin } = request.headers;
      if (origin === undefined || !origins.has(origin)) return false;
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("access-control-allow-credentials", "true");
      if (request.method !== "OPTIONS" || !request.headers["access-control-request-method"]) {
        response.setHeader("access-control-expose-headers", MAY_SEE);
        return false;
      }
      response.setHeader("access-control-allow-methods", METHODS);
      response.setHeader("access-control-allow-headers", MAY_SEND);
      response.setHeader("access-control-max-age", PREFLIGHT_MAX_AGE_S);
      response.statusCode = 204;
      response.end();
      return true;
    },
  };
}
