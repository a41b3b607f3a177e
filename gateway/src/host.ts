import type { Http2ServerRequest } from "node:http2";
import type { NodeRequest } from "./front.ts";

/** A host name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The authority a request was sent to, or undefined where it has none that is valid. Everything
 * that builds a URL from a request relies on it: `Host: [` throws inside of `new URL`.
 */
export function requestHost(request: NodeRequest): string | undefined {
  const host = (request as Partial<Http2ServerRequest>).authority ?? request.headers.host;
  if (host === undefined || !HOST.test(host)) return undefined;
  // Nearly all requests are sent to the same.
  if (last?.host !== host) last = { host, parsed: URL.parse(`http://${host}/`)?.host };
  return last.parsed;
}

let last: { readonly host: string; readonly parsed: string | undefined } | undefined;
