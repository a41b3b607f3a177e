import { attemptLayer } from "./client/attempt.ts";
import type { Send } from "./client/call.ts";
import type { Cluster } from "./client/cluster.ts";
import { deadlineLayer } from "./client/deadline.ts";
import type { MethodPlan } from "./client/method-plan.ts";
import { pickLayer } from "./client/pick.ts";
import { propagationLayer } from "./client/propagation.ts";
import { retryLayer } from "./client/retry.ts";
import type { Clock } from "./clock.ts";
import { type ClientMetrics, metricsLayer } from "./telemetry/client-metrics.ts";

/** What the layers of one target are built from. */
export interface StackParts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly metrics: ClientMetrics;
  /** A message of a peer that is larger ends its call with `resource_exhausted`. */
  readonly maxMessageBytes: number;
}

/** One layer of a call: wraps what is inside it, once per method. */
export interface Layer {
  readonly name: string;
  readonly wrap: (next: Send, plan: MethodPlan, parts: StackParts) => Send;
}

/**
 * The layers of a call, outermost first. This list is the order: nothing else decides it.
 */
export const clientLayers: readonly Layer[] = [
  // Outside metrics because a call that runs out of time is one the metrics must see end, as
  // deadline_exceeded, and outside retry because all attempts of a call share its time.
  { name: "deadline", wrap: deadlineLayer },

  // Outside retry because whom a call is for does not change from one attempt to the next.
  { name: "propagation", wrap: propagationLayer },

  // Outside retry because a caller made one call, however often it was sent: its rate, errors and time
  // are those that the caller saw. Retries have a counter of their own.
  {
    name: "metrics",
    wrap: (next, plan, { clock, cluster, metrics }) => metricsLayer(next, plan, { clock, cluster, metrics }),
  },

  // Outside pick because each attempt goes to an endpoint of its own choice, one not tried before.
  {
    name: "retry",
    wrap: (next, plan, { clock, cluster, metrics }) =>
      retryLayer(next, plan, {
        clock,
        cluster,
        budget: cluster.budget,
        onRetry: metrics.retriesOf(plan, cluster.target.service),
      }),
  },

  // Outside attempt because an attempt belongs to one connection from its beginning to its end.
  { name: "pick", wrap: (next, _plan, parts) => pickLayer(next, parts) },

  // Innermost: one sending on one connection, counted on its endpoint.
  { name: "attempt", wrap: (_next, _plan, parts) => attemptLayer(parts) },
];

const nothingInside: Send = () => {
  throw new Error("the innermost layer passes nothing on");
};

/** Folds layers, outermost first, into the one function that sends the calls of a method. */
export function compile(plan: MethodPlan, parts: StackParts, layers: readonly Layer[] = clientLayers): Send {
  return layers.reduceRight<Send>((next, layer) => layer.wrap(next, plan, parts), nothingInside);
}
