import type { Endpoint } from "./endpoint.ts";

/** With fewer endpoints to compare, none stands out. */
const LEAST_ENDPOINTS = 5;
/** An endpoint that succeeds so often is none, however close together the others lie. */
const GOOD_RATE = 0.9;

/**
 * Leaves out whose share of successes, since it was last called, lies far below that of all: what fails now
 * and then, never often enough to open a breaker, is noticed by comparison. Endpoints with too few attempts
 * are not judged.
 * Source: Envoy's success rate outlier detection; gRFC A50.
 */
export function ejectOutliers(
  endpoints: Iterable<Endpoint>,
  { deviations, minAttempts }: { readonly deviations: number; readonly minAttempts: number },
  nowMs: number,
): void {
  const rates: { endpoint: Endpoint; attempts: number; rate: number }[] = [];
  for (const endpoint of endpoints) {
    const attempts = endpoint.succeeded + endpoint.failed;
    if (attempts >= minAttempts) rates.push({ endpoint, attempts, rate: endpoint.succeeded / attempts });
    endpoint.succeeded = 0;
    endpoint.failed = 0;
  }
  if (deviations === 0 || rates.length < LEAST_ENDPOINTS) return;
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length;
  const least = Math.min(GOOD_RATE, mean - deviations * Math.sqrt(variance));
  for (const { endpoint, attempts, rate } of rates) {
    if (rate >= least) continue;
    const percent = (share: number) => `${Math.round(share * 100)} %`;
    const reason = `${percent(rate)} of ${attempts} attempts went well, of all endpoints' ${percent(mean)}`;
    endpoint.eject("success_rate", reason, nowMs);
  }
}
