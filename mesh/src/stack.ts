import { affinityLayer } from "./client/affinity.ts";
import { attemptLayer } from "./client/attempt.ts";
import { attemptTimeoutLayer } from "./client/attempt-timeout.ts";
import type { Send } from "./client/call.ts";
import type { Cluster } from "./client/cluster.ts";
import { compressLayer } from "./client/compress.ts";
import { deadlineLayer } from "./client/deadline.ts";
import { faultLayer } from "./client/fault.ts";
import { hedgeLayer } from "./client/hedge.ts";
import type { MethodPlan } from "./client/method-plan.ts";
import { mirrorLayer } from "./client/mirror.ts";
import { pickLayer } from "./client/pick.ts";
import { propagationLayer } from "./client/propagation.ts";
import { retryLayer } from "./client/retry.ts";
import { routeLayer } from "./client/route.ts";
import type { Clock } from "./clock.ts";
import type { IdentitySigner } from "./identity/listener-proof.ts";
import type { MethodRules } from "./policy/method-rules.ts";
import { type ClientMetrics, metricsLayer } from "./telemetry/client-metrics.ts";

/** What the layers of one method of a target are built from. */
export interface StackParts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly metrics: ClientMetrics;
  /** Vouches for listeners in whose name calls begin here. */
  readonly signer?: IdentitySigner | undefined;
  /** What the target's policy says about the method. */
  readonly rules: MethodRules;
  /** A message of a peer that is larger ends its call with `resource_exhausted`. */
  readonly maxMessageBytes: number;
  /** Where the policy does not say: request messages of at least so many bytes are compressed. */
  readonly compressFromBytes?: number | undefined;
}

/** One layer of a call: wraps what is inside it, once per method and policy. Who has nothing to do returns `next`. */
export interface Layer {
  readonly name: string;
  /** It is there only where the policy of the target asks for it. */
  readonly isOptional?: true;
  readonly wrap: (next: Send, plan: MethodPlan, parts: StackParts) => Send;
}

const pick: Layer = {
  name: "pick",
  wrap(next, plan, parts) {
    const count = actionsOf(plan, parts);
    return pickLayer(next, { ...parts, onOtherVersion: () => count("other_version") });
  },
};

/** Innermost: one sending on one connection, counted on its endpoint. */
const attempt: Layer = { name: "attempt", wrap: (_next, _plan, parts) => attemptLayer(parts) };

/**
 * The layers of a call, outermost first. This list is the order: nothing else decides it.
 */
export const clientLayers: readonly Layer[] = [
  // Outside metrics because a call that runs out of time is one the metrics must see end, as
  // deadline_exceeded, and outside retry because all attempts of a call share its time.
  { name: "deadline", wrap: deadlineLayer },

  // Outside retry because whom a call is for does not change from one attempt to the next.
  { name: "propagation", wrap: (next, _plan, parts) => propagationLayer(next, parts) },

  // Outside retry because a caller made one call, however often it was sent: its rate, errors and time
  // are those that the caller saw. Retries have a counter of their own.
  {
    name: "metrics",
    wrap: (next, plan, { clock, cluster, metrics }) => metricsLayer(next, plan, { clock, cluster, metrics }),
  },

  // Outside route and retry because a call is copied once, to a version of the policy's choice, and inside
  // metrics because nobody made the copy.
  {
    name: "mirror",
    isOptional: true,
    wrap(next, plan, parts) {
      const { clock, cluster, rules } = parts;
      if (!rules.mirror) return next;
      const sendCopy = compile(plan, parts, [pick, attempt]);
      return mirrorLayer(next, rules.mirror, { clock, cluster, sendCopy, count: actionsOf(plan, parts) });
    },
  },

  // Outside retry because a call stays with its version from one attempt to the next, and inside propagation
  // because the listener, whom a version is kept for, is known only then.
  {
    name: "route",
    isOptional: true,
    wrap: (next, _plan, { rules }) => (rules.route ? routeLayer(next, rules.route) : next),
  },

  // Outside retry because what a call has in common with others is the same in each attempt, and inside
  // propagation because that may be its listener.
  {
    name: "affinity",
    isOptional: true,
    wrap(next, plan, { cluster }) {
      const { hash } = cluster.balancer;
      return hash ? affinityLayer(next, plan, hash) : next;
    },
  },

  // Outside retry because a request is compressed once, however often it is sent, and inside affinity, which
  // reads a field of it.
  {
    name: "compress",
    isOptional: true,
    wrap(next, _plan, { rules, compressFromBytes }) {
      const fromBytes = rules.compressFromBytes ?? compressFromBytes;
      return fromBytes === undefined ? next : compressLayer(next, fromBytes);
    },
  },

  // Outside pick because each attempt goes to an endpoint of its own choice, one not tried before.
  {
    name: "retry",
    wrap: (next, plan, { clock, cluster, metrics, rules }) =>
      retryLayer(next, plan, {
        clock,
        cluster,
        budget: cluster.budget,
        maxAttempts: rules.maxAttempts,
        onRetry: metrics.retriesOf(plan, cluster.target.service),
      }),
  },

  // Inside retry because what it makes of several attempts is one answer, which may be worth a retry, and
  // outside pick because each of them goes to an endpoint of its own.
  {
    name: "hedge",
    isOptional: true,
    wrap(next, plan, parts) {
      const { clock, cluster, rules } = parts;
      if (!rules.hedge) return next;
      const { budget } = cluster;
      return hedgeLayer(next, rules.hedge, { clock, cluster, budget, count: actionsOf(plan, parts) });
    },
  },

  // Outside attempt because an attempt belongs to one connection from its beginning to its end.
  pick,

  // Inside pick because waiting for an endpoint is nobody's slowness, and outside fault because a delay that
  // is injected has to be cut as a real one would be.
  {
    name: "attempt timeout",
    isOptional: true,
    wrap(next, plan, parts) {
      const { attemptTimeoutMs } = parts.rules;
      if (attemptTimeoutMs === undefined) return next;
      const count = actionsOf(plan, parts);
      return attemptTimeoutLayer(next, attemptTimeoutMs, () => count("attempt_timeout"));
    },
  },

  // Inside retry and hedge because they shall meet it as they would meet a bad endpoint, and outside attempt
  // because no endpoint is to be blamed for it.
  {
    name: "fault",
    isOptional: true,
    wrap(next, plan, parts) {
      const { cluster, rules } = parts;
      return rules.fault ? faultLayer(next, rules.fault, { cluster, count: actionsOf(plan, parts) }) : next;
    },
  },

  attempt,
];

function actionsOf(plan: MethodPlan, { cluster, metrics }: StackParts) {
  return metrics.policy.actionsOf(plan, cluster.target.service);
}

const nothingInside: Send = () => {
  throw new Error("the innermost layer passes nothing on");
};

/** Folds layers, outermost first, into the one function that sends the calls of a method. */
export function compile(plan: MethodPlan, parts: StackParts, layers: readonly Layer[] = clientLayers): Send {
  return layers.reduceRight<Send>((next, layer) => layer.wrap(next, plan, parts), nothingInside);
}
