const MAX_DIGITS = 99_999_999;

/** The value of `grpc-timeout`: at most eight digits and a unit, rounded up. */
export function grpcTimeout(timeoutMs: number): string {
  if (timeoutMs <= MAX_DIGITS) return `${Math.max(1, Math.ceil(timeoutMs))}m`;
  return `${Math.min(MAX_DIGITS, Math.ceil(timeoutMs / 1_000))}S`;
}
