import { Gauge, type Registry } from "prom-client";
import type { Balancer } from "../balance/balancer.ts";
import { EJECTION_CAUSES, ENDPOINT_STATES, type EndpointState } from "../balance/endpoint-state.ts";
import type { Call, Send } from "../client/call.ts";
import type { Cluster } from "../client/cluster.ts";
import type { MethodPlan } from "../client/method-plan.ts";
import type { Clock } from "../clock.ts";
import type { StatusCode } from "../resilience/verdict.ts";
import { codeLabel, HANDLING_BUCKETS, methodLabels } from "./grpc-labels.ts";
import { type Cell, type HistogramCell, LeanCounter, LeanHistogram } from "./lean-metrics.ts";
import { type PolicyFollower, PolicyMetrics } from "./policy-metrics.ts";

const METHOD_LABELS = ["grpc_type", "grpc_service", "grpc_method", "dst_service"];
const VERSION_LABELS = [...METHOD_LABELS, "dst_version"];

/** Why a retry was allowed. */
export type RetryKind = "budget" | "never_reached";

/** A target whose endpoints, policy and retry budget are shown. */
export interface FollowedTarget extends PolicyFollower {
  readonly balancer: Balancer;
  /** 1 is untouched, 0 used up. */
  retryBudgetRemaining(): number;
}

const byRegistry = new WeakMap<Registry, ClientMetrics>();

/** The client metrics of a registry; the same for everybody who asks. */
export function clientMetrics(registry: Registry): ClientMetrics {
  let metrics = byRegistry.get(registry);
  if (!metrics) {
    metrics = new ClientMetrics(registry);
    byRegistry.set(registry, metrics);
  }
  return metrics;
}

/**
 * The numbers of a client, `grpc_client_*` with go-grpc-middleware's names, and of the mesh, `mesh_*`. A
 * destination is named by service and version, never by instance: instances times destinations is more
 * than Prometheus can hold.
 */
export class ClientMetrics {
  readonly #registry: Registry;
  readonly #targets = new Map<FollowedTarget, { followers: number; leave: () => void }>();
  readonly #started: LeanCounter;
  readonly #handled: LeanCounter;
  readonly #sent: LeanCounter;
  readonly #received: LeanCounter;
  readonly #seconds: LeanHistogram;
  readonly #retries: LeanCounter;
  readonly #transitions: LeanCounter;
  readonly #ejections: LeanCounter;
  readonly #retryCells = new Map<string, Readonly<Record<RetryKind, Cell>>>();
  readonly #methods = new Map<string, MethodMetrics>();
  readonly policy: PolicyMetrics;

  constructor(registry: Registry) {
    this.#registry = registry;
    const counter = (name: string, help: string, labelNames: readonly string[]) =>
      new LeanCounter({ name, help, labelNames, registry });
    this.#started = counter("grpc_client_started_total", "Calls started by the client.", METHOD_LABELS);
    this.#handled = counter("grpc_client_handled_total", "Calls completed by the client, by code.", [
      ...VERSION_LABELS,
      "grpc_code",
    ]);
    this.#sent = counter("grpc_client_msg_sent_total", "Messages sent by the client.", VERSION_LABELS);
    this.#received = counter("grpc_client_msg_received_total", "Messages received.", VERSION_LABELS);
    this.#seconds = new LeanHistogram({
      name: "grpc_client_handling_seconds",
      help: "From the start of a call to its end as its caller saw it, retries included.",
      labelNames: VERSION_LABELS,
      buckets: HANDLING_BUCKETS,
      registry,
    });
    this.#retries = counter("mesh_retries_total", "Calls sent again, by why that was allowed.", [
      "grpc_service",
      "grpc_method",
      "dst_service",
      "kind",
    ]);
    this.#transitions = counter("mesh_endpoint_transitions_total", "Changes of endpoints' states.", [
      "dst_service",
      "state",
      "cause",
    ]);
    this.#ejections = counter("mesh_ejections_total", "Endpoints left out, by why.", [
      "dst_service",
      "cause",
    ]);
    this.policy = new PolicyMetrics(registry, () => this.#targets.keys());
    this.#gauges();
  }

  /** Shows a target's endpoints, breakers and budget until the function returned is called. */
  follow(target: FollowedTarget): () => void {
    const known = this.#targets.get(target) ?? { followers: 0, leave: this.#countTransitions(target) };
    this.#targets.set(target, known);
    known.followers++;
    return () => {
      if (--known.followers > 0) return;
      known.leave();
      this.#targets.delete(target);
    };
  }

  /** Counts retries of one method; both kinds are shown from the start, at 0. */
  retriesOf(plan: MethodPlan, dstService: string): (kind: RetryKind) => void {
    const { grpc_service, grpc_method } = methodLabels(plan.method);
    const key = `${plan.path} ${dstService}`;
    const cellOf = (kind: RetryKind) =>
      this.#retries.cell({ grpc_service, grpc_method, dst_service: dstService, kind });
    const cells = this.#retryCells.get(key) ?? {
      budget: cellOf("budget"),
      never_reached: cellOf("never_reached"),
    };
    this.#retryCells.set(key, cells);
    return (kind) => {
      cells[kind].value++;
    };
  }

  /** What is counted of one method towards one service. */
  of(plan: MethodPlan, dstService: string): MethodMetrics {
    const key = `${plan.path} ${dstService}`;
    let metrics = this.#methods.get(key);
    if (!metrics) {
      const labels = { ...methodLabels(plan.method), dst_service: dstService };
      const started = this.#started.cell(labels);
      metrics = new MethodMetrics(started, (dst_version) => {
        const versioned = { ...labels, dst_version };
        return {
          sent: this.#sent.cell(versioned),
          received: this.#received.cell(versioned),
          seconds: this.#seconds.cell(versioned),
          handled: (code) => this.#handled.cell({ ...versioned, grpc_code: codeLabel(code) }),
        };
      });
      this.#methods.set(key, metrics);
    }
    return metrics;
  }

  #countTransitions({ target, balancer }: FollowedTarget): () => void {
    const dst_service = target.service;
    for (const cause of EJECTION_CAUSES) this.#ejections.cell({ dst_service, cause });
    return balancer.onTransition(({ to, cause }) => {
      this.#transitions.cell({ dst_service, state: to, cause }).value++;
      if (to === "ejected") this.#ejections.cell({ dst_service, cause }).value++;
    });
  }

  #gauges(): void {
    const targets = this.#targets;
    const gauge = (
      name: string,
      help: string,
      labelNames: string[],
      show: (gauge: Gauge, of: FollowedTarget) => void,
    ) =>
      new Gauge({
        name,
        help,
        labelNames: ["dst_service", ...labelNames],
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const target of targets.keys()) show(this, target);
        },
      });
    gauge("mesh_lb_endpoints", "Endpoints by state.", ["state"], (shown, { target, balancer }) => {
      const counts = balancer.countStates();
      for (const state of ENDPOINT_STATES) shown.set({ dst_service: target.service, state }, counts[state]);
    });
    gauge("mesh_circuit_state", "Endpoints by their circuit.", ["state"], (shown, { target, balancer }) => {
      const counts = { closed: 0, open: 0, half_open: 0 };
      for (const { machine } of balancer.endpoints) counts[circuitOf(machine)]++;
      for (const [state, count] of Object.entries(counts)) {
        shown.set({ dst_service: target.service, state }, count);
      }
    });
    const help = "Share of the retry budget that is left: 1 untouched, 0 used up.";
    gauge("mesh_retry_budget_ratio", help, [], (shown, followed) => {
      shown.set({ dst_service: followed.target.service }, followed.retryBudgetRemaining());
    });
  }
}

/** An endpoint's state in the words of circuit breakers. */
function circuitOf({ state, onProbation }: { state: EndpointState; onProbation: boolean }) {
  if (state === "ejected") return "open";
  return onProbation ? "half_open" : "closed";
}

interface VersionCells {
  readonly sent: Cell;
  readonly received: Cell;
  readonly seconds: HistogramCell;
  readonly handled: (code: StatusCode) => Cell;
}

/** Cells of one method, looked up by version and code without making a string. */
class MethodMetrics {
  readonly started: Cell;
  readonly #cellsOf: (version: string) => VersionCells;
  readonly #versions = new Map<string, VersionCells & { readonly byCode: (Cell | undefined)[] }>();

  constructor(started: Cell, cellsOf: (version: string) => VersionCells) {
    this.started = started;
    this.#cellsOf = cellsOf;
  }

  ended(call: Call, code: StatusCode, elapsedMs: number): void {
    const version = call.endpoint?.info.version ?? "";
    let cells = this.#versions.get(version);
    if (!cells) {
      cells = { ...this.#cellsOf(version), byCode: [] };
      this.#versions.set(version, cells);
    }
    cells.sent.value += call.messagesSent;
    cells.received.value += call.messagesReceived;
    cells.seconds.observe(elapsedMs / 1_000);
    let handled = cells.byCode[code];
    if (!handled) cells.byCode[code] = handled = cells.handled(code);
    handled.value++;
  }
}

/** Counts a call and how it ended, for its caller. */
export function metricsLayer(
  next: Send,
  plan: MethodPlan,
  { clock, cluster, metrics }: { clock: Clock; cluster: Cluster; metrics: ClientMetrics },
): Send {
  const method = metrics.of(plan, cluster.target.service);
  return (call, done) => {
    const startedAtMs = clock.monotonic();
    method.started.value++;
    next(call, (outcome) => {
      method.ended(call, outcome.code, clock.monotonic() - startedAtMs);
      done(outcome);
    });
  };
}
