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

const VISIBLE_ASCII = /^[\x20-\x7e]{0,1024}$/;

/** Adds what may pass from `source` to `target`. Values that gRPC cannot carry are left out. */
export function passMetadata(source: Headers, target: Headers, passes: (name: string) => boolean): void {
  for (const [name, value] of source) {
    if (passes(name) && VISIBLE_ASCII.test(value)) target.append(name, value);
  }
}
