import type { Http2ServerRequest } from "node:http2";
import type { NodeRequest } from "./front.ts";

/** Where a request goes; a `URL` is one. */
export interface RequestTarget {
  /** A host name or address, with the port where it is not the usual one. */
  readonly host: string;
  readonly pathname: string;
  readonly searchParams: URLSearchParams;
}

/** A host name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * Where a request goes, or undefined where it has no host or path that is valid: `Host: [` throws inside of
 * `new URL`.
 *
 * @param isPath the request's URL is known to be a path and no more: it is spared the parser, which costs more
 *   than all else here
 */
export function targetOf(request: NodeRequest, isPath: boolean): RequestTarget | undefined {
  const host = requestHost(request);
  if (host === undefined) return undefined;
  const path = request.url ?? "/";
  if (isPath) return { host, pathname: path, searchParams: NO_PARAMS };
  return URL.parse(path, `http://${host}`) ?? undefined;
}

const NO_PARAMS = new URLSearchParams();

/** The authority a request was sent to, or undefined where it has none that is valid. */
function requestHost(request: NodeRequest): string | undefined {
  const host = (request as Partial<Http2ServerRequest>).authority ?? request.headers.host;
  // Nearly all requests are sent to the same.
  if (last && host === last.host) return last.parsed;
  if (host === undefined || !HOST.test(host)) return undefined;
  last = { host, parsed: URL.parse(`http://${host}/`)?.host };
  return last.parsed;
}

let last: { readonly host: string; readonly parsed: string | undefined } | undefined;
