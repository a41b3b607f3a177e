/**
 * What of a browser's headers reaches a service. An allowlist: hop-by-hop headers break gRPC,
 * and `antiphon-*`, `grpc-*` or `x-forwarded-*` from outside would be lies.
 */
const FORWARDED_REQUEST_HEADERS = ["accept-language", "x-request-id"];

/** What of a service's answer reaches a browser. */
const FORWARDED_RESPONSE_HEADERS = ["retry-after", "x-request-id"];

const VISIBLE_ASCII = /^[\x20-\x7e]{1,1024}$/;

export function requestMetadata(header: Headers): Headers {
  return pick(header, FORWARDED_REQUEST_HEADERS);
}

/** Copies what may be passed on into `target`. */
export function forwardResponseMetadata(source: Headers, target: Headers): void {
  pick(source, FORWARDED_RESPONSE_HEADERS).forEach((value, name) => {
    target.set(name, value);
  });
}

function pick(header: Headers, names: readonly string[]): Headers {
  const picked = new Headers();
  for (const name of names) {
    const value = header.get(name);
    if (value !== null && VISIBLE_ASCII.test(value)) picked.set(name, value);
  }
  return picked;
}
