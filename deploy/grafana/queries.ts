import type { Query } from "./panel.ts";

/** Answers that blame the server. */
export const faults = 'grpc_code=~"Unknown|DeadlineExceeded|Internal|Unavailable|DataLoss|ResourceExhausted"';
/** Leaves out health checks and reflection. */
export const ours = 'grpc_service!~"grpc[.].*"';
/** A stream lasts as long as somebody watches: its time says nothing about speed. */
export const unary = 'grpc_type="unary"';

/** What a counter gained a second, by these labels. */
export const sumRate = (metric: string, by: readonly string[]) =>
  `sum by (${by.join(",")}) (rate(${metric}[1m]))`;

/** p50 and p99 of a histogram, by these labels. */
export function quantiles(histogram: string, matchers: string, by: readonly string[]): Query[] {
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, ${sumRate(`${histogram}_bucket{${matchers}}`, [...by, "le"])})`,
    by,
    prefix: `p${quantile * 100}`,
  }));
}

/** The share of what matches among all of a counter; 0, not nothing, where none does. */
export function share(counter: string, matchers: string, part: string, by: readonly string[]): Query {
  const all = sumRate(`${counter}{${matchers}}`, by);
  const some = sumRate(`${counter}{${matchers}${matchers === "" ? "" : ","}${part}}`, by);
  return { expr: `(${some} or 0 * ${all}) / (${all} > 0)`, by };
}
