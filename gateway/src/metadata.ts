/** Which headers pass the edge, by their names in lower case; everything else stays out. */
export interface MetadataPolicy {
  /** From a browser to a service. */
  readonly toService: (name: string) => boolean;
  /** From a service to a browser. */
  readonly toBrowser: (name: string) => boolean;
}

/**
 * What passes in production. Allowlists: hop-by-hop headers break gRPC, and `antiphon-*`, `grpc-*` or
 * `x-forwarded-*` from outside would be lies.
 */
export const strictMetadata: MetadataPolicy = allowing({
  toService: ["accept-language", "x-request-id"],
  toBrowser: ["retry-after", "x-request-id"],
});

export function allowing(names: {
  readonly toService: readonly string[];
  readonly toBrowser: readonly string[];
}): MetadataPolicy {
  const toService = new Set(names.toService);
  const toBrowser = new Set(names.toBrowser);
  return { toService: (name) => toService.has(name), toBrowser: (name) => toBrowser.has(name) };
}

/** Node's fields, as they come from and go to sockets; names in lower case. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>;

/** The same for Node's fields, of which only those of `source` that may pass are looked at. */
export function passedFields(source: Fields, passes: (name: string) => boolean): [string, string][] {
  const passed: [string, string][] = [];
  for (const name of Object.keys(source)) {
    const value = source[name];
    if (value === undefined || !passes(name)) continue;
    for (const one of typeof value === "string" ? [value] : value) {
      if (VISIBLE_ASCII.test(one)) passed.push([name, one]);
    }
  }
  return passed;
}

const VISIBLE_ASCII = /^[\x20-\x7e]{0,1024}$/;

/** Adds what may pass from `source` to `target`. Values that gRPC cannot carry are left out. */
export function passMetadata(source: Headers, target: Headers, passes: (name: string) => boolean): void {
  for (const [name, value] of source) {
    if (passes(name) && VISIBLE_ASCII.test(value)) target.append(name, value);
  }
}
