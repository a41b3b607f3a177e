export interface BackoffOptions {
  /** The first delay's upper bound. */
  readonly baseMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** How much longer each bound is than the one before. Default 1.6. */
  readonly factor?: number;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * How long to wait before try number `tries` (0 is the first): between half and the whole of a bound
 * that grows exponentially, so that clients that failed together do not come back together.
 */
export function backoffMs(tries: number, options: BackoffOptions): number {
  const bound = Math.min(options.maxMs, options.baseMs * (options.factor ?? 1.6) ** tries);
  return bound * (0.5 + 0.5 * (options.random ?? Math.random)());
}
