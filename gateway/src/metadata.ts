/** The names of headers, in lower case, that may pass; everything else stays out. */
export type Allowed = ReadonlySet<string> | { has(name: string): boolean };

/** Which headers pass the edge. */
export interface MetadataPolicy {
  /** From a browser to a service. */
  readonly toService: Allowed;
  /** From a service to a browser. */
  readonly toBrowser: Allowed;
}

/**
 * What passes in production. Allowlists: hop-by-hop headers break gRPC, and `antiphon-*`, `grpc-*` or
 * `x-forwarded-*` from outside would be lies.
 */
export const strictMetadata: MetadataPolicy = {
  // The trace is the edge's own.
  toService: new Set(["accept-language", "x-request-id", "traceparent"]),
  toBrowser: new Set(["retry-after", "x-request-id"]),
};

/** Node's fields, as they come from and go to sockets; names in lower case. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>;

/** Adds what may pass of `source`. Values that gRPC cannot carry are left out. */
export function passFields(
  source: Fields,
  allowed: Allowed,
  add: (name: string, value: string) => void,
): void {
  // A request has more fields than may pass.
  for (const name of allowed instanceof Set ? allowed : Object.keys(source)) {
    const value = source[name];
    if (value === undefined || !allowed.has(name)) continue;
    if (typeof value !== "string") for (const one of value) addCarried(name, one, add);
    else addCarried(name, value, add);
  }
}

/** The same as an object; of several values of a name the last. */
export function passedFields(source: Fields, allowed: Allowed): Record<string, string> {
  const passed: Record<string, string> = {};
  passFields(source, allowed, (name, value) => {
    passed[name] = value;
  });
  return passed;
}

function addCarried(name: string, value: string, add: (name: string, value: string) => void): void {
  if (VISIBLE_ASCII.test(value)) add(name, value);
}

const VISIBLE_ASCII = /^[\x20-\x7e]{0,1024}$/;

/** The same for fetch's headers. */
export function passMetadata(source: Headers, target: Headers, allowed: Allowed): void {
  for (const [name, value] of source) {
    if (allowed.has(name) && VISIBLE_ASCII.test(value)) target.append(name, value);
  }
}
